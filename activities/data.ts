/** The data activities: only their worker loads this and, injected, DuckDB. */
import { createBaselineActivities } from './baseline.js';
import { createAnswersActivities } from './compare.js';
import type { DataActivities } from './contract.js';
import type { DataDeps } from './deps.js';
import { createEvaluateActivities } from './evaluate.js';
import { heartbeating } from './heartbeat.js';
import { createDataWatch } from './watch-data.js';

/** Everything that reads files of data. */
export function createDataActivities(deps: DataDeps): DataActivities {
  return heartbeating<DataActivities>({
    ...createDataWatch(deps),
    ...createBaselineActivities(deps),
    ...createEvaluateActivities(deps),
    ...createAnswersActivities(deps),
  });
}
