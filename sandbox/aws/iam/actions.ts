/** IAM's prefix where it is not the service's name in lower case. */
const PREFIXES: Readonly<Record<string, string>> = {
  ApplicationAutoScaling: 'application-autoscaling',
  EventBridge: 'events',
  SageMakerRuntime: 'sagemaker',
};
/** Operations of S3 that IAM calls otherwise. */
const ACTIONS: Readonly<Record<string, string>> = {
  CompleteMultipartUpload: 'PutObject',
  CopyObject: 'PutObject',
  CreateMultipartUpload: 'PutObject',
  DeleteObjects: 'DeleteObject',
  GetObjectLockConfiguration: 'GetBucketObjectLockConfiguration',
  HeadBucket: 'ListBucket',
  HeadObject: 'GetObject',
  ListBuckets: 'ListAllMyBuckets',
  ListObjects: 'ListBucket',
  ListObjectsV2: 'ListBucket',
  ListObjectVersions: 'ListBucketVersions',
  PutObjectLockConfiguration: 'PutBucketObjectLockConfiguration',
  UploadPart: 'PutObject',
  UploadPartCopy: 'PutObject',
};

/** `SageMaker.UpdateEndpoint` is the action `sagemaker:UpdateEndpoint`. */
export function actionOf(operation: string): string {
  const [service = '', name = ''] = operation.split('.');
  const action = service === 'S3' ? (own(ACTIONS, name) ?? name) : name;
  return `${own(PREFIXES, service) ?? service.toLowerCase()}:${action}`;
}

function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
