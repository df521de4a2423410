// Lets the Temporal SDK fetch a server into its own cache: node scripts/setup/sdk-download.mjs dev|test.
import { Runtime, DefaultLogger } from '@temporalio/worker';
import { TestWorkflowEnvironment } from '@temporalio/testing';

Runtime.install({ logger: new DefaultLogger('ERROR') });
const env =
  process.argv[2] === 'dev'
    ? await TestWorkflowEnvironment.createLocal()
    : await TestWorkflowEnvironment.createTimeSkipping();
await env.teardown();
