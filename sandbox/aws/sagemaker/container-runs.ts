import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { packArchive } from '../../learner/archive.js';
import { isLearnerImage, learnerScript } from '../../learner/image.js';
import type { ContainerJob, JobResult } from '../../learner/job.js';
import type { Kernel } from '../kernel.js';
import { ClientError } from './client-error.js';
import { shortId, splitS3Uri, taken } from './context.js';
import { trainingOutput } from './job-record.js';
import type { JobRecord, ProcessingRecord } from './job-record.js';
import { OwnImages } from './own-images.js';

export type RunResult =
  | {
      readonly kind: 'done';
      readonly metrics: Readonly<Record<string, number>>;
      /** What the container left in /opt/ml/output/message. */
      readonly exit?: string;
    }
  /** `reason` begins with AWS's class: AlgorithmError, ClientError. */
  | { readonly kind: 'failed'; readonly reason: string; readonly exit?: string };

/** Lines of a child's error output kept for the failure reason. */
const KEPT_STDERR = 2_000;

/**
 * Runs the containers of jobs. The learner's image is a child process; any other image "runs" for
 * half a minute (divided by the speed) and leaves an empty, readable `model.tar.gz` (training) or
 * nothing (processing), so that other people's pipelines go through.
 */
export class ContainerRuns {
  private readonly children = new Map<string, ChildProcess>();
  private readonly results = new Map<string, RunResult>();
  private readonly own: OwnImages;
  /** A run has a directory of its own: the child of a killed sandbox may still write into the last one. */
  private readonly runDirectories = new Map<string, string>();
  private readonly foreignEndsAtMs = new Map<string, number>();
  /** How many checkpoints the try of a pretended container began with. */
  private readonly pretended = new Map<string, number>();
  /** The learner's checkpoints: local directory, and when each file that is in S3 too was written. */
  private readonly checkpoints = new Map<
    string,
    { readonly directory: string; readonly copied: Map<string, number>; left: boolean }
  >();

  constructor(
    private readonly kernel: Kernel,
    /** Address of the artefact in a model package; `undefined` when there is none. */
    private readonly artefactOf: (packageArn: string) => string | undefined,
  ) {
    this.own = new OwnImages(kernel);
  }

  /** Starts the job's container unless it runs already, and says how it ended once it has. */
  poll(job: JobRecord): RunResult | undefined {
    this.copyCheckpoints(job);
    const result = this.results.get(job.arn);
    if (result !== undefined || this.children.has(job.arn)) return result;
    if (isLearnerImage(imageOf(job))) this.start(job);
    else if (job.kind === 'processing' && this.own.runs(job)) this.startOwn(job);
    else this.pollForeign(job);
    return this.results.get(job.arn);
  }

  /**
   * Whether capacity that is taken back meets it now: one that keeps checkpoints has left one in this try, whatever the
   * machine's pace.
   */
  isInterruptible(job: JobRecord): boolean {
    return this.checkpoints.get(job.arn)?.left ?? true;
  }

  /** Copies the output of a finished container to S3. */
  async upload(job: JobRecord): Promise<void> {
    if (job.kind === 'processing' && this.own.runs(job)) {
      for (const [prefix, files] of this.own.outputs(job, this.runDirectory(job)))
        this.put(prefix, files);
      return;
    }
    const files = isLearnerImage(imageOf(job)) ? this.outputFiles(job) : await foreignOutput(job);
    for (const prefix of outputPrefixes(job)) this.put(prefix, files);
    // The learner writes what is no model straight to the address it is given, as its role may.
    const results = job.kind === 'training' ? job.request.HyperParameters?.['results'] : undefined;
    if (results !== undefined)
      this.put(
        results.replace(/\/$/, ''),
        files.filter(([name]) => name !== 'model.tar.gz'),
      );
    this.pretendCheckpoint(job);
  }

  /** Time is over: what a container had in its model directory is kept. The learner writes only at its end. */
  async saveWhatThereIs(job: JobRecord): Promise<void> {
    if (job.kind !== 'training' || isLearnerImage(imageOf(job))) return;
    await this.upload(job);
    job.uploaded = true;
  }

  /** What an earlier try, or another job, has left under a checkpoint address. */
  private checkpointsAt(uri: string): readonly { readonly key: string; readonly name: string }[] {
    const { bucket, key } = splitS3Uri(`${uri.replace(/\/$/, '')}/`);
    if (!this.kernel.objects.bucketExists(bucket))
      throw new ClientError(`The bucket ${bucket} of the checkpoints does not exist.`);
    return this.kernel.objects
      .list(bucket, key)
      .filter(({ size }) => size > 0)
      .map((object) => ({ key: object.key, name: object.key.slice(key.length) }));
  }

  /** Checkpoints are there again before the container starts. @returns where the container finds and leaves them */
  private fetchCheckpoints(job: JobRecord, run: string): string | undefined {
    const uri = checkpointsOf(job);
    if (uri === undefined) return undefined;
    const directory = join(run, 'checkpoints');
    mkdirSync(directory);
    const copied = new Map<string, number>();
    const { bucket } = splitS3Uri(uri);
    for (const { key, name } of this.checkpointsAt(uri)) {
      const target = join(directory, name);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, this.kernel.objects.get(bucket, key) ?? Buffer.alloc(0));
      copied.set(name, statSync(target).mtimeMs);
    }
    this.checkpoints.set(job.arn, { directory, copied, left: false });
    return directory;
  }

  /** Copies what the container has left since to S3, as SageMaker does all the time. */
  private copyCheckpoints(job: JobRecord): void {
    const kept = this.checkpoints.get(job.arn);
    const uri = checkpointsOf(job);
    if (kept === undefined || uri === undefined) return;
    for (const name of readdirSync(kept.directory)) {
      const path = join(kept.directory, name);
      const status = statSync(path, { throwIfNoEntry: false });
      // What is being written has another name until it is whole.
      if (status?.isFile() !== true || name.endsWith('.part')) continue;
      if (kept.copied.get(name) === status.mtimeMs) continue;
      this.put(uri.replace(/\/$/, ''), [[name, readFileSync(path)]]);
      kept.copied.set(name, status.mtimeMs);
      kept.left = true;
    }
  }

  /** Each try leaves one more: a pretended container has nothing else to save. */
  private pretendCheckpoint(job: JobRecord): void {
    const uri = checkpointsOf(job);
    const before = this.pretended.get(job.arn);
    if (uri === undefined || before === undefined) return;
    this.put(uri.replace(/\/$/, ''), [
      [`checkpoint-${before + 1}.json`, Buffer.from(JSON.stringify({ job: job.name, before }))],
    ]);
  }

  private put(prefix: string, files: readonly (readonly [string, Buffer])[]): void {
    const { bucket, key } = splitS3Uri(prefix);
    for (const [name, body] of files)
      this.kernel.objects.put(bucket, `${key === '' ? '' : `${key}/`}${name}`, body);
  }

  /** Kills the container, if any, and forgets the job. */
  end(job: JobRecord): void {
    if (!this.results.has(job.arn) && job.stage === 'running') this.pretendCheckpoint(job);
    this.copyCheckpoints(job);
    this.checkpoints.delete(job.arn);
    this.pretended.delete(job.arn);
    this.children.get(job.arn)?.kill('SIGKILL');
    this.children.delete(job.arn);
    this.results.delete(job.arn);
    this.foreignEndsAtMs.delete(job.arn);
    this.runDirectories.delete(job.arn);
    rmSync(this.directory(job), { recursive: true, force: true });
  }

  /** Kills every container; the jobs begin again from their start when the sandbox does. */
  async close(): Promise<void> {
    const exits = [...this.children.values()].map(
      (child) =>
        new Promise<void>((resolve) => {
          if (child.exitCode !== null || child.signalCode !== null) resolve();
          else
            child.once('exit', () => {
              resolve();
            });
          child.kill('SIGKILL');
        }),
    );
    this.children.clear();
    await Promise.all(exits);
  }

  /** The image's entrypoint as a child process, which finds its inputs and leaves its output where a container would. */
  private startOwn(job: ProcessingRecord): void {
    rmSync(this.directory(job), { recursive: true, force: true });
    const directory = join(this.directory(job), shortId(6));
    this.runDirectories.set(job.arn, directory);
    mkdirSync(directory, { recursive: true });
    let child: ChildProcess;
    try {
      child = this.own.start(job, directory);
    } catch (error) {
      this.refused(job, error);
      return;
    }
    this.children.set(job.arn, child);
    const ended = (how: string | undefined): void => {
      if (this.children.get(job.arn) !== child) return;
      this.children.delete(job.arn);
      const left = this.own.message(directory);
      const exit = left === undefined ? {} : { exit: left };
      this.results.set(
        job.arn,
        how === undefined
          ? { kind: 'done', metrics: {}, ...exit }
          : {
              kind: 'failed',
              reason: `AlgorithmError: See job logs for more information, ${how}`,
              ...exit,
            },
      );
    };
    child.once('error', (error) => {
      ended(error.message);
    });
    child.once('close', (code, signal) => {
      ended(code === 0 ? undefined : `exit code: ${code ?? signal ?? 'none'}`);
    });
  }

  private runDirectory(job: JobRecord): string {
    return this.runDirectories.get(job.arn) ?? this.directory(job);
  }

  private start(job: JobRecord): void {
    let prepared: ContainerJob;
    try {
      prepared = this.prepare(job);
    } catch (error) {
      this.refused(job, error);
      return;
    }
    const script = learnerScript();
    if (!existsSync(script))
      throw new Error(`the learner is not built: ${script} is missing; run npm run build`);
    const jobFile = `${prepared.outputDir}.json`;
    writeFileSync(jobFile, JSON.stringify(prepared));
    // With a channel to the parent the child ends when the parent is killed.
    const child = spawn(process.execPath, [script, jobFile], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.children.set(job.arn, child);
    let stderr = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString('utf8')).slice(-KEPT_STDERR);
    });
    const ended = (how: string): void => {
      if (this.children.get(job.arn) !== child) return;
      this.children.delete(job.arn);
      this.results.set(job.arn, resultOf(prepared.resultFile, `${how} ${stderr}`.trim()));
    };
    child.once('error', (error) => {
      ended(error.message);
    });
    child.once('close', (code, signal) => {
      ended(`exit code: ${code ?? signal ?? 'none'}`);
    });
  }

  /** The job's input cannot be had: it ends, as AWS ends it. */
  private refused(job: JobRecord, error: unknown): void {
    if (!(error instanceof ClientError)) throw error;
    this.results.set(job.arn, { kind: 'failed', reason: `ClientError: ${error.message}` });
  }

  private pollForeign(job: JobRecord): void {
    const nowMs = this.kernel.now();
    const uri = checkpointsOf(job);
    if (uri !== undefined && !this.pretended.has(job.arn)) {
      try {
        this.pretended.set(job.arn, this.checkpointsAt(uri).length);
      } catch (error) {
        this.refused(job, error);
        return;
      }
    }
    const endsAtMs = this.foreignEndsAtMs.get(job.arn) ?? nowMs + taken(this.kernel, 'foreignJob');
    this.foreignEndsAtMs.set(job.arn, endsAtMs);
    if (nowMs >= endsAtMs) this.results.set(job.arn, { kind: 'done', metrics: {} });
  }

  private prepare(job: JobRecord): ContainerJob {
    rmSync(this.directory(job), { recursive: true, force: true });
    const directory = join(this.directory(job), shortId(6));
    this.runDirectories.set(job.arn, directory);
    const outputDir = join(directory, 'output');
    mkdirSync(outputDir, { recursive: true });
    const inputs: Record<string, readonly string[]> = {};
    for (const [channel, uri] of this.channels(job)) {
      inputs[channel] = this.download(uri, join(directory, 'input', channel));
    }
    const settings = {
      ...(job.kind === 'training' ? job.request.HyperParameters : {}),
      ...job.request.Environment,
    };
    const command = job.kind === 'training' ? 'train' : 'evaluate';
    const checkpointDir = this.fetchCheckpoints(job, directory);
    return {
      command,
      inputs,
      settings,
      outputDir,
      resultFile: join(directory, 'result.json'),
      ...(checkpointDir === undefined ? {} : { checkpointDir }),
    };
  }

  private channels(job: JobRecord): readonly (readonly [string, string])[] {
    if (job.kind === 'training') {
      return (job.request.InputDataConfig ?? []).flatMap(({ ChannelName, DataSource }) =>
        DataSource.S3DataSource ? [[ChannelName, DataSource.S3DataSource.S3Uri] as const] : [],
      );
    }
    const inputs = (job.request.ProcessingInputs ?? []).flatMap(({ InputName, S3Input }) =>
      S3Input ? [[InputName, S3Input.S3Uri] as const] : [],
    );
    const champion = this.championUri(job.request.Environment?.['ChampionPackage']);
    return champion === undefined ? inputs : [...inputs, ['champion', champion]];
  }

  /** The evaluation container looks its champion up as its role would let it: by package or by address. */
  private championUri(champion: string | undefined): string | undefined {
    if (champion === undefined || champion === '' || champion === 'none') return undefined;
    if (champion.startsWith('s3://')) return champion;
    const uri = this.artefactOf(champion);
    if (uri === undefined)
      throw new ClientError(`ModelPackage ${champion} does not exist or has no artefact.`);
    return uri;
  }

  /** Links the objects below `uri` into `directory`, so that later writes to S3 do not change them. */
  private download(uri: string, directory: string): readonly string[] {
    const { bucket, key } = splitS3Uri(uri);
    const keys = this.kernel.objects.bucketExists(bucket)
      ? this.kernel.objects.list(bucket, key).filter(({ size }) => size > 0)
      : [];
    if (keys.length === 0) {
      throw new ClientError(
        `Data download failed:NoSuchKey (404): No S3 objects found under S3 URL "${uri}" given in input data source. Please ensure that the bucket exists in the selected region (${this.kernel.region}), that objects exist under that S3 prefix, and that the role has "s3:ListBucket" permissions on the bucket.`,
      );
    }
    mkdirSync(directory, { recursive: true });
    return keys.flatMap(({ key: objectKey }, i) => {
      const source = this.kernel.objects.pathOf(bucket, objectKey);
      if (source === undefined) return [];
      const target = join(directory, `${String(i).padStart(6, '0')}-${basename(objectKey)}`);
      linkOrCopy(source, target);
      return [target];
    });
  }

  private outputFiles(job: JobRecord): readonly (readonly [string, Buffer])[] {
    const directory = join(this.runDirectories.get(job.arn) ?? this.directory(job), 'output');
    return readdirSync(directory).map(
      (name) => [name, readFileSync(join(directory, name))] as const,
    );
  }

  private directory(job: JobRecord): string {
    return join(this.kernel.home, 'sagemaker', 'jobs', `${job.kind}-${job.name}`);
  }
}

function imageOf(job: JobRecord): string {
  return job.kind === 'training'
    ? (job.request.AlgorithmSpecification.TrainingImage ?? '')
    : job.request.AppSpecification.ImageUri;
}

function checkpointsOf(job: JobRecord): string | undefined {
  return job.kind === 'training' ? job.request.CheckpointConfig?.S3Uri : undefined;
}

function outputPrefixes(job: JobRecord): readonly string[] {
  if (job.kind === 'training') return [trainingOutput(job)];
  return (job.request.ProcessingOutputConfig?.Outputs ?? []).flatMap(({ S3Output }) =>
    S3Output ? [S3Output.S3Uri.replace(/\/$/, '')] : [],
  );
}

async function foreignOutput(job: JobRecord): Promise<readonly (readonly [string, Buffer])[]> {
  return job.kind === 'training' ? [['model.tar.gz', await packArchive({})]] : [];
}

function resultOf(file: string, how: string): RunResult {
  let result: JobResult;
  try {
    result = JSON.parse(readFileSync(file, 'utf8')) as JobResult;
  } catch {
    return { kind: 'failed', reason: `AlgorithmError: ${how}` };
  }
  return result.kind === 'done'
    ? result
    : { kind: 'failed', reason: `AlgorithmError: ${result.reason}` };
}

function linkOrCopy(source: string, target: string): void {
  try {
    linkSync(source, target);
  } catch {
    copyFileSync(source, target); // Another file system, or one without links.
  }
}
