import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Kernel } from '../kernel.js';
import { ClientError } from './client-error.js';
import { splitS3Uri } from './context.js';
import type { ProcessingRecord } from './job-record.js';

/** A container's `ExitMessage` is cut at this length. */
const MAX_MESSAGE = 1_024;

/**
 * Images that the sandbox was told how to run: a Node script stands for the entrypoint. There is no container, so that
 * its paths `/opt/ml/…` are those of a folder of the run, in its arguments too; it sees the environment of the job alone.
 */
export class OwnImages {
  constructor(private readonly kernel: Kernel) {}

  runs(job: ProcessingRecord): boolean {
    return this.scriptOf(job) !== undefined;
  }

  /** @throws {ClientError} when an input cannot be had */
  start(job: ProcessingRecord, root: string): ChildProcess {
    const { AppSpecification, ProcessingInputs = [], Environment } = job.request;
    for (const { S3Input } of ProcessingInputs)
      if (S3Input !== undefined)
        this.download(
          S3Input.S3Uri,
          S3Input.S3DataType ?? 'S3Prefix',
          join(root, S3Input.LocalPath ?? ''),
        );
    for (const { S3Output } of job.request.ProcessingOutputConfig?.Outputs ?? [])
      mkdirSync(join(root, S3Output?.LocalPath ?? ''), { recursive: true });
    mkdirSync(join(root, 'opt/ml/output'), { recursive: true });
    const args = [
      ...(AppSpecification.ContainerEntrypoint?.slice(1) ?? []),
      ...(AppSpecification.ContainerArguments ?? []),
    ].map((arg) => (arg.startsWith('/opt/ml/') ? join(root, arg) : arg));
    // With a channel to the parent the child ends when the parent is killed.
    return spawn(process.execPath, [this.scriptOf(job) ?? '', ...args], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      env: { PATH: process.env['PATH'], TMPDIR: process.env['TMPDIR'], ...Environment },
    });
  }

  /** What it left where SageMaker looks for its last words. */
  message(root: string): string | undefined {
    const file = join(root, 'opt/ml/output/message');
    if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
    return readFileSync(file, 'utf8').slice(0, MAX_MESSAGE);
  }

  /** Files by the address they go to. */
  outputs(
    job: ProcessingRecord,
    root: string,
  ): readonly (readonly [string, readonly (readonly [string, Buffer])[]])[] {
    return (job.request.ProcessingOutputConfig?.Outputs ?? []).flatMap(({ S3Output }) => {
      if (S3Output === undefined) return [];
      const folder = join(root, S3Output.LocalPath ?? '');
      const files = readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .map((path) => [relative(folder, path), readFileSync(path)] as const);
      return [[S3Output.S3Uri.replace(/\/$/, ''), files] as const];
    });
  }

  private scriptOf({ request }: ProcessingRecord): string | undefined {
    const repository = request.AppSpecification.ImageUri.replace(
      /(@sha256:[0-9a-f]+|:[\w.-]+)$/,
      '',
    )
      .split('/')
      .slice(1)
      .join('/');
    const { images = {} } = this.kernel;
    return Object.hasOwn(images, repository) ? images[repository] : undefined;
  }

  private download(uri: string, type: string, target: string): void {
    const found = type === 'ManifestFile' ? this.ofManifest(uri) : this.below(uri);
    if (found.length === 0)
      throw new ClientError(
        `Data download failed:NoSuchKey (404): No S3 objects found under S3 URL "${uri}" given in input data source. Please ensure that the bucket exists in the selected region (${this.kernel.region}), that objects exist under that S3 prefix, and that the role has "s3:ListBucket" permissions on the bucket.`,
      );
    for (const { path, name } of found) {
      const place = join(target, name);
      mkdirSync(dirname(place), { recursive: true });
      copyFileSync(path, place);
    }
  }

  private below(uri: string): readonly { readonly path: string; readonly name: string }[] {
    const { bucket, key } = splitS3Uri(uri);
    if (!this.kernel.objects.bucketExists(bucket)) return [];
    // What follows the last slash of the prefix is the object's name on the machine.
    const folder = key.slice(0, key.lastIndexOf('/') + 1);
    return this.kernel.objects
      .list(bucket, key)
      .filter(({ size }) => size > 0)
      .flatMap((object) => {
        const path = this.kernel.objects.pathOf(bucket, object.key);
        return path === undefined ? [] : [{ path, name: object.key.slice(folder.length) }];
      });
  }

  /** `[{"prefix": "s3://bucket/"}, "a.jsonl", …]`: exactly these objects. */
  private ofManifest(uri: string): readonly { readonly path: string; readonly name: string }[] {
    const { bucket, key } = splitS3Uri(uri);
    const bytes = this.kernel.objects.get(bucket, key);
    if (bytes === undefined) return [];
    const [head, ...names] = JSON.parse(bytes.toString('utf8')) as [
      { readonly prefix: string },
      ...string[],
    ];
    return names.map((name) => {
      const object = splitS3Uri(`${head.prefix}${name}`);
      const path = this.kernel.objects.pathOf(object.bucket, object.key);
      if (path === undefined)
        throw new ClientError(
          `Data download failed:NoSuchKey (404): The object ${head.prefix}${name} of the manifest does not exist.`,
        );
      return { path, name };
    });
  }
}
