import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';

/** Repository and tag of the learner's image, in any account and region. */
const LEARNER =
  /^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com\/flights-learner(:1|@sha256:[0-9a-f]{64})$/;

export function learnerImage(accountId: string, region: string): string {
  return `${accountId}.dkr.ecr.${region}.amazonaws.com/flights-learner:1`;
}

export function isLearnerImage(image: string): boolean {
  return LEARNER.test(image);
}

/** A stable digest per image name: the registry behind the sandbox holds exactly one build of each tag. */
export function imageDigest(image: string): string {
  const pinned = /@(sha256:[0-9a-f]{64})$/.exec(image)?.[1];
  return pinned ?? `sha256:${createHash('sha256').update(image).digest('hex')}`;
}

/** `repository@sha256:…`, as DescribeEndpoint shows a deployed image. */
export function resolvedImage(image: string): string {
  const repository = image.replace(/(@sha256:[0-9a-f]+|:[A-Za-z0-9._-]+)$/, '');
  return `${repository}@${imageDigest(image)}`;
}

/**
 * The script a job's child process runs. From TypeScript sources (tests) it is the compiled one in
 * `dist/`, since Node 20 cannot run TypeScript: build before testing.
 */
export function learnerScript(): string {
  const here = import.meta.url;
  return fileURLToPath(
    here.endsWith('.ts')
      ? new URL('../../dist/sandbox/learner/child.js', here)
      : new URL('./child.js', here),
  );
}
