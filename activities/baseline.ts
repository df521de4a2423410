import type { S3Client } from '@aws-sdk/client-s3';

import { FailureType } from '../domain/failures.js';
import { canonicalJson } from '../domain/ledger.js';
import type { Champion } from '../domain/model.js';
import type { CapturedInputsSource, Policy } from '../domain/policy.schema.js';
import { segmentRules } from '../domain/sources.js';
import type { Profile } from '../domain/stats/types.js';
import { isUnusable } from './analysis-port.js';
import { runningActivity } from './aws-failure.js';
import type { DataActivities } from './contract.js';
import type { DataDeps } from './deps.js';
import { sha256 } from './digest.js';
import { hopeless } from './heartbeat.js';
import { describePackage } from './read.js';
import { baselineOf } from './registry.js';
import { below, headObject, listObjects, readJson, writeObject } from './s3.js';
import { downloadAll, withScratch } from './scratch.js';
import { clientsFor, ownClients } from './stage-clients.js';

/** Most files a baseline may be spread over. */
const MOST_FILES = 1_000;

export type BaselineAnswer =
  | { readonly kind: 'ready'; readonly uri: string; readonly rows: number }
  | { readonly kind: 'none'; readonly reason: string };

export function createBaselineActivities(deps: DataDeps): Pick<DataActivities, 'prepareBaseline'> {
  return {
    /** The profile's address follows from the version: a second run finds it there, or writes the same again. */
    async prepareBaseline(request) {
      const { policy, champion } = request;
      const { s3 } = ownClients(deps, request);
      const { sagemaker } = clientsFor(deps, 'approve')(request);
      const uri = championProfileUri(policy, champion);
      const known = await readProfile(s3, uri);
      if (known !== undefined) return { kind: 'ready', uri, rows: known.rowCount };
      if (champion.packageArn === null) {
        return {
          kind: 'none',
          reason:
            'the serving version is not from the model registry, so nobody knows what it was trained on: give the source a baseline of its own (baseline: s3://…), or deploy a version from the registry',
        };
      }
      const found = await describePackage(sagemaker, champion.packageArn);
      const dataUri = found === undefined ? null : baselineOf(found);
      if (dataUri === null) {
        return {
          kind: 'none',
          reason: `${champion.packageArn} names no baseline: let the pipeline register DriftCheckBaselines.ModelDataQuality.Statistics (a Parquet, CSV or JSON lines file of the training inputs), or give the source a baseline of its own`,
        };
      }
      const scores = championScores(policy);
      if (scores !== 'evaluation')
        return profileData(deps, policy, dataUri, uri, columnsOf(scores));
      const key = policy.spec.evaluate.predictions;
      const predictions = found?.CustomerMetadataProperties?.[key];
      if (predictions === undefined) {
        return {
          kind: 'none',
          reason: `${champion.packageArn} does not say where its predictions are (metadata ${key}), and the policy wants their scores (scores: evaluation): let the pipeline register it, or take scores off the source`,
        };
      }
      return profileData(deps, policy, dataUri, uri, {
        uri: predictions,
        score: 'candidate',
        label: 'label',
      });
    },
  };
}

type Scores = CapturedInputsSource['scores'];

/** Where scores are looked up: `uri` is of a file of their own. */
interface ScorePlace {
  readonly uri: string | null;
  readonly score: string;
  readonly label: string | null;
}

/** All sources that compare with the serving version share its profile: the first that wants scores says which. */
const championScores = (policy: Policy): Scores =>
  policy.spec.monitor.sources.find(
    (source): source is CapturedInputsSource =>
      source.kind === 'captured-inputs' &&
      source.baseline === 'champion' &&
      source.scores !== undefined,
  )?.scores;

const columnsOf = (scores: Exclude<Scores, 'evaluation'>): ScorePlace | null =>
  scores === undefined ? null : { uri: null, score: scores.column, label: scores.label ?? null };

/** What of the policy a profile depends on beyond its columns; nothing where it asks for none of it. */
const extrasOf = ({ spec }: Policy, scores: Scores): readonly unknown[] =>
  scores === undefined && spec.detect.segments === undefined
    ? []
    : [{ scores: scores ?? null, segments: segmentRules(spec.detect) }];

/** One profile per version: of the config's name and of what it serves. */
function championProfileUri(policy: Policy, champion: Champion): string {
  const version = sha256(
    canonicalJson([
      champion.configName,
      champion.packageArn,
      champion.modelDataUrl,
      policy.spec.detect.columns.categorical,
      policy.spec.detect.columns.ignore,
      ...extrasOf(policy, championScores(policy)),
    ]),
  ).slice(0, 12);
  return below(
    policy.spec.storage,
    'profiles',
    policy.metadata.name,
    `${champion.configName}-${version}.json`,
  );
}

/** The profile of a source's own baseline file, made when it is not there yet. */
export async function ownBaseline(
  deps: DataDeps,
  policy: Policy,
  source: CapturedInputsSource,
): Promise<BaselineAnswer> {
  const { s3 } = ownClients(deps, { policy });
  const head = await headObject(clientsFor(deps, 'train')({ policy }).s3, source.baseline);
  const version = sha256(
    canonicalJson([
      source.baseline,
      head?.etag ?? null,
      policy.spec.detect.columns.categorical,
      policy.spec.detect.columns.ignore,
      ...extrasOf(policy, source.scores),
    ]),
  ).slice(0, 12);
  const uri = below(
    policy.spec.storage,
    'profiles',
    policy.metadata.name,
    `source-${source.id}-${version}.json`,
  );
  const known = await readProfile(s3, uri);
  if (known !== undefined) return { kind: 'ready', uri, rows: known.rowCount };
  // `evaluation` is of a version, and the schema refuses it for a file.
  const scores = source.scores === 'evaluation' ? undefined : source.scores;
  return profileData(deps, policy, source.baseline, uri, columnsOf(scores));
}

/** A profile at its address; `undefined` when there is none. */
export async function readProfile(s3: S3Client, uri: string): Promise<Profile | undefined> {
  const value = await readJson(s3, uri);
  if (value === undefined) return undefined;
  if (typeof value === 'object' && value !== null && 'schema' in value) {
    if (value.schema === 'modelkeeper/profile-v1') return value as Profile;
  }
  throw hopeless(
    FailureType.BadData,
    `${uri} is not a profile of modelkeeper: remove it, and it is made again`,
  );
}

const FORMATS = { parquet: 'parquet', csv: 'csv', jsonl: 'jsonl', ndjson: 'jsonl' } as const;

function formatOf(uri: string): 'parquet' | 'csv' | 'jsonl' | undefined {
  const extension = /\.(parquet|csv|jsonl|ndjson)$/.exec(uri)?.[1];
  return extension === undefined ? undefined : FORMATS[extension as keyof typeof FORMATS];
}

async function profileData(
  deps: DataDeps,
  policy: Policy,
  dataUri: string,
  uri: string,
  scores: ScorePlace | null,
): Promise<BaselineAnswer> {
  const { s3 } = clientsFor(deps, 'train')({ policy });
  const files = (await listObjects(s3, dataUri)).filter(
    (object) => object.sizeBytes > 0 && formatOf(object.uri) !== undefined,
  );
  const format = files[0] === undefined ? undefined : formatOf(files[0].uri);
  if (format === undefined) {
    return {
      kind: 'none',
      reason: `there is no Parquet, CSV or JSON lines file at ${dataUri}: a baseline is a file of rows, not of statistics`,
    };
  }
  const same = files.filter((object) => formatOf(object.uri) === format).slice(0, MOST_FILES);
  const { categorical, ignore } = policy.spec.detect.columns;
  const profile = await withScratch(deps.scratch, async (scratch) => {
    const [scored = null] =
      scores === null || scores.uri === null
        ? []
        : await downloadAll(s3, [scores.uri], scratch, 'scores');
    if (scores !== null && scores.uri !== null && scored === null)
      return { unusable: `its predictions file ${scores.uri} does not exist` };
    return deps.analysis.profile({
      scratch,
      files: await downloadAll(
        s3,
        same.map((object) => object.uri),
        scratch,
        'baseline',
      ),
      format,
      columns: categorical.map((name) => ({ name, kind: 'categorical' })),
      ignore,
      segments: segmentRules(policy.spec.detect),
      ...(scores === null
        ? {}
        : { scores: { file: scored, score: scores.score, label: scores.label } }),
      signal: currentSignal(),
    });
  });
  if (isUnusable(profile)) {
    return { kind: 'none', reason: `the baseline ${dataUri} cannot be used: ${profile.unusable}` };
  }
  await writeObject(ownClients(deps, { policy }).s3, uri, JSON.stringify(profile));
  return { kind: 'ready', uri, rows: profile.rowCount };
}

/** The running activity's cancellation; one that never comes outside of an activity. */
export const currentSignal = (): AbortSignal =>
  runningActivity()?.cancellationSignal ?? new AbortController().signal;
