import { inWords } from '../../domain/duration.js';
import { CONTROL_QUEUE, DATA_QUEUE } from '../../domain/queues.js';
import { SEARCH_ATTRIBUTES } from '../../domain/search-attributes.js';
import type { Policy } from '../../domain/policy.schema.js';
import { messageOf } from '../errors.js';
import type { Plan, PlanFacts } from '../plan.js';
import { examineAccount } from './examine-account.js';
import { bad, ok, warning, type Finding } from './finding.js';
import type { AccountReads } from './reads.js';

/** What the doctor can measure. Each one may throw; the finding then says so. */
export interface DoctorProbes {
  /** Connects. The version is null where the server does not tell. */
  temporal(): Promise<{
    readonly address: string;
    readonly namespace: string;
    readonly version: string | null;
  }>;
  /** Search attribute → type, such as `Keyword`. */
  searchAttributes(): Promise<ReadonlyMap<string, string>>;
  registerKeywords(names: readonly string[]): Promise<void>;
  /** Latest poll of each worker, by Temporal's clock. */
  pollersSeenAtMs(queue: string): Promise<readonly number[]>;
  signedIn(): Promise<{ readonly arn: string; readonly dateMs: number | null }>;
  /** Read-only calls; `fault` is null for one that was allowed. */
  permissions(
    region: string,
    endpoint: string | null,
  ): Promise<readonly { readonly what: string; readonly fault: string | null }[]>;
  disk(): Promise<{ readonly path: string; readonly freeBytes: number }>;
  account(region: string): AccountReads;
  /** What `plan` says of a policy, and what it read for that. */
  plan(policy: Policy): Promise<{ readonly plan: Plan; readonly facts: PlanFacts }>;
  close(): Promise<void>;
}

export interface Examination {
  readonly region: string | null;
  readonly endpoint: string | null;
  readonly repair: boolean;
  readonly nowMs: () => number;
  /** Queue that the bridge reads; `null` when nobody says. */
  readonly queueUrl: string | null;
  /** ARN of the role of `modelkeeper worker`; `null` when nobody says. */
  readonly workerRole: string | null;
  /** With a policy, all that it names is looked at too. */
  readonly policy: Policy | null;
}

const SKEW_MS = 30_000;
/** A worker polls at least once a minute. */
const POLL_FRESH_MS = 150_000;
const MIN_FREE_BYTES = 1_073_741_824;

/** Tries everything that does not depend on a fault found before. */
export async function examine(
  probes: DoctorProbes,
  examination: Examination,
): Promise<readonly Finding[]> {
  const { region, endpoint, repair, nowMs } = examination;
  try {
    // Its date is compared with the clock of that moment: what is tried meanwhile may take its time.
    const identity = probes.signedIn().then((found) => ({ ...found, seenAtMs: nowMs() }));
    const caller = identity.then(
      ({ arn }) => arn,
      () => null,
    );
    const temporal = await examineTemporal(probes);
    const reachable = temporal.every((finding) => finding.state !== 'bad');
    const rest = await Promise.all([
      reachable ? examineSearchAttributes(probes, repair) : [],
      reachable ? examineWorkers(probes, nowMs) : [],
      examineAws(identity),
      region === null ? noRegion() : examinePermissions(probes, region, endpoint),
      region === null ? [] : examineAccount(probes, { ...examination, region }, caller),
      examineDisk(probes),
    ]);
    return [...temporal, ...rest.flat()];
  } finally {
    await probes.close();
  }
}

async function examineTemporal(probes: DoctorProbes): Promise<readonly Finding[]> {
  try {
    const { address, namespace, version } = await probes.temporal();
    return [ok('Temporal', `${version ?? 'a server'} at ${address}, namespace ${namespace}`)];
  } catch (error) {
    return [bad('Temporal', messageOf(error))];
  }
}

async function examineSearchAttributes(
  probes: DoctorProbes,
  repair: boolean,
): Promise<readonly Finding[]> {
  const what = 'search attributes';
  try {
    const known = await probes.searchAttributes();
    const wanted = Object.values(SEARCH_ATTRIBUTES);
    const wrong = wanted.filter((name) => known.has(name) && known.get(name) !== 'Keyword');
    if (wrong.length > 0)
      return [
        bad(what, `${wrong.join(', ')} should be of type Keyword: remove and register them again`),
      ];
    const missing = wanted.filter((name) => !known.has(name));
    if (missing.length === 0) return [ok(what, `all ${wanted.length} are registered`)];
    if (!repair)
      return [
        bad(
          what,
          `${missing.join(', ')} are not registered: modelkeeper doctor --repair, or ${missing.map((name) => `temporal operator search-attribute create --name ${name} --type Keyword`).join(' && ')}`,
        ),
      ];
    await probes.registerKeywords(missing);
    return [ok(what, `registered ${missing.join(', ')}`)];
  } catch (error) {
    return [warning(what, `could not be checked: ${messageOf(error)}`)];
  }
}

async function examineWorkers(
  probes: DoctorProbes,
  nowMs: () => number,
): Promise<readonly Finding[]> {
  const queues = [
    [CONTROL_QUEUE, 'modelkeeper worker'],
    [DATA_QUEUE, 'modelkeeper worker --queue data'],
  ] as const;
  return Promise.all(
    queues.map(async ([queue, start]): Promise<Finding> => {
      const what = `worker on ${queue}`;
      try {
        const seen = await probes.pollersSeenAtMs(queue);
        const latest = Math.max(...seen, 0);
        const ahead = latest - nowMs();
        if (seen.length === 0) return bad(what, `nobody polls: start one with \`${start}\``);
        if (ahead > SKEW_MS)
          return bad(
            what,
            `Temporal's clock is at least ${inWords(ahead)} ahead of this machine's: set the clock (NTP)`,
          );
        if (-ahead > POLL_FRESH_MS)
          return bad(
            what,
            `the last poll was ${inWords(-ahead)} ago: the worker is gone, or this clock is wrong`,
          );
        return ok(what, `${seen.length} polling`);
      } catch (error) {
        return warning(what, `could not be checked: ${messageOf(error)}`);
      }
    }),
  );
}

async function examineAws(
  identity: Promise<Awaited<ReturnType<DoctorProbes['signedIn']>> & { readonly seenAtMs: number }>,
): Promise<readonly Finding[]> {
  try {
    const { arn, dateMs, seenAtMs } = await identity;
    const skewMs = dateMs === null ? null : seenAtMs - dateMs;
    return [
      ok('AWS identity', arn),
      skewMs === null
        ? warning('clock', 'AWS sent no date to compare with')
        : Math.abs(skewMs) > SKEW_MS
          ? bad(
              'clock',
              `this machine is ${inWords(Math.abs(skewMs))} ${skewMs > 0 ? 'ahead of' : 'behind'} AWS: set the clock (NTP); AWS refuses requests that are 5 min off`,
            )
          : ok('clock', `within ${Math.ceil(Math.abs(skewMs) / 1_000)} s of AWS`),
    ];
  } catch (error) {
    return [bad('AWS identity', `nobody is signed in: ${messageOf(error)}`)];
  }
}

function noRegion(): readonly Finding[] {
  return [warning('permissions', 'not tried: give --region, or set AWS_REGION')];
}

async function examinePermissions(
  probes: DoctorProbes,
  region: string,
  endpoint: string | null,
): Promise<readonly Finding[]> {
  try {
    const tried = await probes.permissions(region, endpoint);
    return tried.map(({ what, fault }) =>
      fault === null ? ok(what, `allowed in ${region}`) : bad(what, fault),
    );
  } catch (error) {
    return [bad('permissions', messageOf(error))];
  }
}

async function examineDisk(probes: DoctorProbes): Promise<readonly Finding[]> {
  try {
    const { path, freeBytes } = await probes.disk();
    const free = `${(freeBytes / MIN_FREE_BYTES).toFixed(1)} GiB free in ${path}`;
    return [
      freeBytes < MIN_FREE_BYTES
        ? bad('disk', `${free}: captured data is unpacked there, so make room or set TMPDIR`)
        : ok('disk', free),
    ];
  } catch (error) {
    return [warning('disk', `could not be checked: ${messageOf(error)}`)];
  }
}
