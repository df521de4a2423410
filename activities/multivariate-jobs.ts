import { ListProcessingJobsCommand, type SageMakerClient } from '@aws-sdk/client-sagemaker';

import { isMultivariateJob, multivariateJob } from '../domain/multivariate.js';
import { aws, may } from './aws-failure.js';
import type { ControlActivities } from './contract.js';
import type { ControlDeps } from './deps.js';
import { pages } from './pages.js';
import { clientsFor } from './stage-clients.js';
import { stopProcessing } from './training.js';

export function createMultivariateJobs(
  deps: ControlDeps,
): Pick<ControlActivities, 'stopMultivariate'> {
  const clients = clientsFor(deps, 'train');
  return {
    /** A job that was asked to stop is not in progress any more: a second run asks for those alone that are left. */
    async stopMultivariate(ref) {
      const { sagemaker } = clients(ref);
      const stopped = await jobsInProgress(sagemaker, ref.model);
      for (const name of stopped) await stopProcessing(sagemaker, name);
      return { stopped };
    },
  };
}

async function jobsInProgress(
  sagemaker: SageMakerClient,
  model: string,
): Promise<readonly string[]> {
  const names = await pages(async (NextToken) => {
    const page = await aws(may('sagemaker:ListProcessingJobs', '*'), (options) =>
      sagemaker.send(
        new ListProcessingJobsCommand({
          NameContains: multivariateJob(model, ''),
          StatusEquals: 'InProgress',
          ...NextToken,
        }),
        options,
      ),
    );
    const items = (page.ProcessingJobSummaries ?? []).map((one) => one.ProcessingJobName ?? '');
    return { items, next: page.NextToken };
  });
  return names.filter((name) => isMultivariateJob(model, name));
}
