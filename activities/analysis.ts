/** Analysis by DuckDB. Loaded by the data worker alone: the native code can take a process down. */
import {
  calibrateJoined,
  compareWindow,
  describeScores,
  estimateCaptured,
  evaluateGates,
  measurePerformance,
  profileFile,
  readAnswers,
  readRows,
  readCapture,
  UnusableData,
  withDuck,
  type Duck,
} from '../analysis/index.js';
import { isOfAmounts, judgePerformance } from '../domain/stats/performance.js';
import type { Analysis, Unusable } from './analysis-port.js';

interface Work {
  readonly scratch: string;
  readonly signal: AbortSignal;
}

/** One database per piece of work, in its own folder. Data that cannot be used is an answer. */
async function analyse<T>(
  { scratch, signal }: Work,
  work: (duck: Duck) => Promise<T>,
): Promise<T | Unusable> {
  try {
    return await withDuck({ scratchDir: scratch, signal }, work);
  } catch (error) {
    if (error instanceof UnusableData) return { unusable: error.message };
    throw error;
  }
}

export const duckAnalysis: Analysis = {
  profile: ({ scores, ...request }) =>
    analyse(request, async (duck) => {
      if (scores === undefined) return profileFile(duck, request);
      const { file, score, label } = scores;
      const own = file === null;
      const profile = await profileFile(duck, {
        ...request,
        ...(own ? { predictionColumn: score } : {}),
        ignore: own && label !== null ? [...request.ignore, label] : request.ignore,
      });
      const { prediction, calibration } = await describeScores(duck, {
        files: own ? request.files : [file],
        format: own ? request.format : 'parquet',
        score,
        ...(label === null ? {} : { label }),
      });
      return { ...profile, prediction, ...(calibration === null ? {} : { calibration }) };
    }),

  compareInputs: (request) =>
    analyse(request, async (duck) => {
      const { files, columns, window, profile, detect, estimate } = request;
      const { table, counts } = await readCapture(duck, { files, columns, window });
      return {
        counts,
        comparison: await compareWindow(duck, { profile, window: { table }, detect }),
        ...(estimate === undefined
          ? {}
          : { estimate: await estimateCaptured(duck, table, estimate, profile.calibration) }),
      };
    }),

  measurePerformance: (request) =>
    analyse(request, async (duck) => {
      const {
        captureFiles: files,
        columns,
        window,
        labelFiles,
        metric,
        limits,
        lateAfterMs,
      } = request;
      const { table } = await readCapture(duck, { files, columns, window });
      const reading = await measurePerformance(duck, {
        table,
        labelFiles,
        metric,
        lateAfterMs,
      });
      return {
        reading,
        verdict: judgePerformance(reading, limits),
        calibration: isOfAmounts(metric) ? null : await calibrateJoined(duck),
      };
    }),

  readAnswers: async ({ files, window }) => ({ answers: await readAnswers(files, window) }),
  readRows: (request) =>
    analyse(request, async (duck) => ({ rows: await readRows(duck, request) })),

  evaluate: ({ trainingRowsFile, ...request }) =>
    analyse(request, (duck) =>
      evaluateGates(duck, {
        ...request,
        ...(trainingRowsFile === null ? {} : { trainingRowsFile }),
      }),
    ),
};
