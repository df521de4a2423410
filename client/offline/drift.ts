import { readFile } from 'node:fs/promises';

import { compareWindow, profileFile, type DataFiles } from '../../analysis/index.js';
import { driftReport, type ComparedWindow, type DriftReport } from '../../domain/drift-report.js';
import type { PolicySpec } from '../../domain/policy.schema.js';
import { profileSchema } from '../../domain/profile.schema.js';
import { detectPolicyOf, segmentRules } from '../../domain/sources.js';
import type { ColumnSpec, Profile } from '../../domain/stats/types.js';
import { messageOf } from '../errors.js';
import { readInput, UnusableInput, type DataInput, type Input } from './inputs.js';
import { analyse, checkResultPath, withScratch, type Work } from './work.js';

export interface DriftRequest {
  readonly baseline: readonly string[];
  /** In order of time: each is one window. */
  readonly windows: readonly string[];
  readonly detect: PolicySpec['detect'];
  readonly predictionColumn?: string;
  /** What the values of captured requests are called, in their order. */
  readonly captureColumns?: readonly string[];
  /** Columns that people themselves want segments of, and not only a policy: without them nothing is compared. */
  readonly segmentsAsked?: readonly string[];
  /** Also the Wasserstein distance, from the rows of the baseline: they are read again for each window. */
  readonly wasserstein?: boolean;
  /** Where the result will be written: it must not be one of the files that are read. */
  readonly out?: string;
}

/**
 * Compares windows with a baseline.
 *
 * @throws {UnusableInput} for files that cannot be used
 */
export function findDrift(request: DriftRequest, work: Work): Promise<DriftReport> {
  return withScratch(async (scratch) => {
    const place = {
      scratch,
      download: (uri: string, folder: string) => work.download(uri, folder, work.signal),
    };
    work.onStage('finding the files');
    const baseline = await readInput(request.baseline, 'baseline', place);
    const rows = request.wasserstein === true ? rowsOf(baseline) : undefined;
    const windows: { readonly name: string; readonly input: DataInput }[] = [];
    for (const name of request.windows) {
      const input = await readInput([name], 'window', place);
      if (input.kind === 'data') windows.push({ name, input });
    }
    const names = new Map([baseline, ...windows.map(({ input }) => input)].flatMap(namesOf));
    if (request.out !== undefined) await checkResultPath(request.out, [...names.keys()]);
    const profile = await profileOf(baseline, request, work, scratch);
    const detect = detectPolicyOf(request.detect);
    if (baseline.kind === 'profile') checkSegments(profile, baseline.file, request.segmentsAsked);
    const compared: ComparedWindow[] = [];
    for (const [i, { name, input }] of windows.entries()) {
      const which = windows.length === 1 ? '' : ` (${name}, ${i + 1} of ${windows.length})`;
      const read = new Map([...(rows?.names ?? []), ...input.names]);
      const comparison = await analyse(work, scratch, read, (duck) =>
        compareWindow(duck, {
          profile,
          window: dataOf(input, request),
          detect,
          ...scoreOf({ ...scoreIn(profile), ...request }),
          ...(rows === undefined ? {} : { wasserstein: dataOf(rows, request) }),
          onStage: (stage) => {
            work.onStage(`${stage}${which}`);
          },
        }),
      );
      compared.push({ name, comparison });
    }
    return driftReport({
      baseline: request.baseline.join(', '),
      profile,
      windows: compared,
      detect,
      persistence: request.detect.persistence,
    });
  });
}

export interface ProfileRequest {
  readonly files: readonly string[];
  readonly detect: PolicySpec['detect'];
  readonly predictionColumn?: string;
  readonly captureColumns?: readonly string[];
  readonly out?: string;
}

/** Describes files, so that windows can be compared with them without reading them again. @throws {UnusableInput} */
export function makeProfile(request: ProfileRequest, work: Work): Promise<Profile> {
  return withScratch(async (scratch) => {
    work.onStage('finding the files');
    const input = await readInput(request.files, 'baseline', {
      scratch,
      download: (uri, folder) => work.download(uri, folder, work.signal),
    });
    if (input.kind === 'profile')
      throw new UnusableInput(`${request.files.join(', ')} is a profile already`);
    if (request.out !== undefined) await checkResultPath(request.out, input.files);
    return profileOf(input, request, work, scratch);
  });
}

function rowsOf(baseline: Input): DataInput {
  if (baseline.kind === 'data') return baseline;
  throw new UnusableInput(
    `--wasserstein needs the rows of the baseline, and ${baseline.file} is a profile: give the files it was made from`,
  );
}

function namesOf(input: Input): readonly (readonly [string, string])[] {
  return input.kind === 'data' ? [...input.names] : [[input.file, input.file]];
}

async function profileOf(
  input: Input,
  request: Pick<ProfileRequest, 'detect' | 'predictionColumn' | 'captureColumns'>,
  work: Work,
  scratch: string,
): Promise<Profile> {
  if (input.kind === 'profile') return readProfileFile(input.file);
  const { categorical, ignore } = request.detect.columns;
  const columns: readonly ColumnSpec[] = categorical.map((name) => ({ name, kind: 'categorical' }));
  return analyse(work, scratch, input.names, (duck) =>
    profileFile(duck, {
      ...dataOf(input, request),
      columns,
      ignore,
      segments: segmentRules(request.detect),
      onStage: work.onStage,
      ...scoreOf(request),
    }),
  );
}

function checkSegments(profile: Profile, file: string, asked: readonly string[] = []): void {
  const lacking = asked.filter((by) => !(profile.segments ?? []).some((one) => one.by === by));
  if (lacking.length > 0)
    throw new UnusableInput(
      `${file} was made without segments by ${lacking.join(', ')}: make it again with modelkeeper profile --segments ${asked.join(',')}`,
    );
}

/** A profile knows what the score was called where it was made. */
function scoreIn({ prediction }: Profile): { readonly predictionColumn?: string } {
  return prediction === null ? {} : { predictionColumn: prediction.name };
}

function scoreOf({ predictionColumn }: Pick<ProfileRequest, 'predictionColumn'>) {
  return predictionColumn === undefined ? {} : { predictionColumn };
}

const MOST_PROFILE_BYTES = 512 * 1_048_576;

async function readProfileFile(file: string): Promise<Profile> {
  const bytes = await readFile(file);
  if (bytes.length > MOST_PROFILE_BYTES)
    throw new UnusableInput(`${file} has ${bytes.length} bytes: that is no profile`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new UnusableInput(`${file} is not whole: ${messageOf(error)}; make the profile again`);
  }
  const parsed = profileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
  throw new UnusableInput(
    `${file} is not a profile that modelkeeper wrote (${where}${issue?.message ?? ''}); make it again with modelkeeper profile`,
  );
}

function dataOf(
  { files, format }: DataInput,
  { captureColumns }: Pick<ProfileRequest, 'captureColumns'>,
): DataFiles {
  return { files, format, ...(captureColumns === undefined ? {} : { captureColumns }) };
}
