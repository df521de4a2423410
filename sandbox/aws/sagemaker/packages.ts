import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { imageDigest } from '../../learner/image.js';
import { decisionOf, faultOfPolicy } from '../iam/resource-policy.js';
import type { BusEvent, CallInfo, Kernel } from '../kernel.js';
import { AwsError } from '../kernel.js';
import { filtered, isOf, pageOf, seconds, taken } from './context.js';
import { ROLE_SESSIONS } from '../sts/identities.js';
import { studioProfile, studioSession } from '../sts/index.js';
import {
  createGroup,
  createPackage,
  groupByName,
  listPackages,
  page,
  packageByName,
  putGroupPolicy,
  updatePackage,
} from './shapes.js';
import type { Container, CreatePackage, UpdatePackage } from './shapes.js';
import type { Tags } from './tags.js';
import { invalid, parse } from './validate.js';

interface GroupRecord {
  readonly name: string;
  readonly arn: string;
  readonly description?: string;
  readonly createdAtMs: number;
  readonly createdBy: UserContext;
  /** As it was put. */
  readonly policy?: string;
  /** Versions are never given twice, not even after a deletion. */
  nextVersion: number;
}

interface UserContext {
  readonly UserProfileArn?: string;
  readonly UserProfileName?: string;
  readonly DomainId?: string;
  readonly IamIdentity: { readonly Arn: string; readonly PrincipalId: string };
}

export interface PackageRecord {
  readonly name: string;
  readonly arn: string;
  readonly group?: string;
  readonly version?: number;
  readonly createdAtMs: number;
  modifiedAtMs: number;
  readonly createdBy: UserContext;
  modifiedBy?: UserContext;
  approval?: string;
  approvalDescription?: string;
  metadata: Readonly<Record<string, string>>;
  /** The rest of the request, as sent: specification, metrics, baselines, life cycle, … */
  body: Readonly<Record<string, unknown>>;
}

/** What a token of UpdateModelPackage was used for. */
interface UpdateToken {
  readonly digest: string;
}

const MAX_METADATA = 50;

/** Of every account and Region: what is shared is looked up where it is. */
const registries = new WeakMap<Kernel, Packages>();

const noPolicy = (arn: string): AwsError =>
  new AwsError('ValidationException', `Cannot find resource policy for: ${arn}`);

const GROUPS = 'sagemaker.packageGroups';
const PACKAGES = 'sagemaker.packages';
const TOKENS = 'sagemaker.packageTokens';

/** The Model Registry. Packages are complete at birth: nothing here validates them in the background. */
export class Packages {
  constructor(
    private readonly kernel: Kernel,
    private readonly tags: Tags,
  ) {
    registries.set(kernel, this);
  }

  get operations() {
    return {
      CreateModelPackageGroup: (input: unknown, call: CallInfo) => this.createGroup(input, call),
      DescribeModelPackageGroup: (input: unknown, call: CallInfo) => {
        const { ModelPackageGroupName: name } = parse(groupByName, input);
        return this.owning(name, 'DescribeModelPackageGroup', call).describeGroup(name);
      },
      ListModelPackageGroups: (input: unknown) => this.listGroups(input),
      DeleteModelPackageGroup: (input: unknown) => this.deleteGroup(input),
      CreateModelPackage: (input: unknown, call: CallInfo) => {
        const request = parse(createPackage, input);
        const { ModelPackageGroupName: group = '' } = request;
        const { arn } = this.owning(group, 'CreateModelPackage', call).create(
          request,
          this.userOf(call.accessKeyId),
        );
        return { ModelPackageArn: arn };
      },
      DescribeModelPackage: (input: unknown, call: CallInfo) => {
        const { ModelPackageName: name } = parse(packageByName, input);
        return describe(this.owning(name, 'DescribeModelPackage', call).found(name));
      },
      ListModelPackages: (input: unknown, call: CallInfo) => {
        const request = parse(listPackages, input);
        const { ModelPackageGroupName: group = '' } = request;
        return this.owning(group, 'ListModelPackages', call).list(request);
      },
      UpdateModelPackage: (input: unknown, call: CallInfo) => {
        const request = parse(updatePackage, input);
        const { ModelPackageArn: arn } = request;
        return this.owning(arn, 'UpdateModelPackage', call).update(request, call);
      },
      DeleteModelPackage: (input: unknown, call: CallInfo) => {
        const { ModelPackageName: name } = parse(packageByName, input);
        return this.owning(name, 'DeleteModelPackage', call).remove(name, call);
      },
      PutModelPackageGroupPolicy: (input: unknown) => this.putPolicy(input),
      GetModelPackageGroupPolicy: (input: unknown) => {
        const group = this.foundGroup(parse(groupByName, input).ModelPackageGroupName);
        if (group.policy === undefined) throw noPolicy(group.arn);
        return { ResourcePolicy: group.policy };
      },
      DeleteModelPackageGroupPolicy: (input: unknown) => {
        const group = this.foundGroup(parse(groupByName, input).ModelPackageGroupName);
        const { policy, ...rest } = group;
        if (policy === undefined) throw noPolicy(group.arn);
        this.kernel.store.put(GROUPS, group.name, rest);
        return {};
      },
    };
  }

  /**
   * Who changed a package: the caller as STS names it, or the role a pipeline runs with. A Studio user comes with
   * profile and domain, and with the execution role that all of the domain share.
   */
  userOf(caller: string): UserContext {
    if (caller.startsWith('arn:')) return { IamIdentity: { Arn: caller, PrincipalId: caller } };
    const known = this.kernel.store.get<Record<string, string>>('sandbox', 'identities') ?? {};
    const session = this.kernel.store.get<{ readonly arn: string }>(ROLE_SESSIONS, caller);
    if (session !== undefined)
      return { IamIdentity: { Arn: session.arn, PrincipalId: `AROA${caller}` } };
    const Arn = known[caller] ?? `arn:aws:iam::${this.kernel.accountId}:user/${caller}`;
    const profile = studioProfile(Arn);
    if (profile === undefined) return { IamIdentity: { Arn, PrincipalId: `AIDA${caller}` } };
    return {
      UserProfileArn: Arn,
      UserProfileName: profile.name,
      DomainId: profile.domain,
      IamIdentity: { Arn: studioSession(Arn), PrincipalId: 'AROASTUDIO:SageMaker' },
    };
  }

  /** By versioned ARN, or by name for a package without a group. */
  get(name: string): PackageRecord | undefined {
    const arn = name.startsWith('arn:')
      ? name
      : this.kernel.arn('sagemaker', `model-package/${name}`);
    return (
      this.kernel.store.get<PackageRecord>(PACKAGES, arn) ??
      this.kernel.store
        .entries<PackageRecord>(PACKAGES)
        .find(([key]) => key.toLowerCase() === arn.toLowerCase())?.[1]
    );
  }

  /**
   * The registry that an ARN is of: this one, or that of another account whose group lets the caller in.
   *
   * @throws {AwsError} AccessDeniedException
   */
  owning(name: string, operation: string, { caller }: Pick<CallInfo, 'caller'>): Packages {
    const [, , , region, account = this.kernel.accountId, resource = ''] = name.split(':');
    if (account === this.kernel.accountId || region !== this.kernel.region) return this;
    const neighbour = this.kernel.neighbour(account);
    const registry = neighbour === undefined ? undefined : registries.get(neighbour);
    const [, groupInArn = ''] = resource.split('/');
    const group = registry?.kernel.store
      .entries<GroupRecord>(GROUPS)
      .find(([key]) => key.toLowerCase() === groupInArn.toLowerCase())?.[1];
    const action = `sagemaker:${operation}`;
    const decision = decisionOf(group?.policy, { ...caller, action, resource: name });
    if (registry === undefined || decision !== 'allow')
      throw new AwsError(
        'AccessDeniedException',
        `User: ${caller.arn} is not authorized to perform: ${action} on resource: ${name} ${decision === 'deny' ? 'with an explicit deny in a resource-based policy' : `because no resource-based policy allows the ${action} action`}`,
      );
    return registry;
  }

  /** For a model that `call` makes of a package, here or in another account; without it, of one that was made before. */
  packaged(name: string, call?: CallInfo): Container | undefined {
    if (call !== undefined) return this.owning(name, 'CreateModel', call).firstContainer(name);
    const neighbour = this.kernel.neighbour(name.split(':')[4] ?? '');
    const registry = neighbour === undefined ? undefined : registries.get(neighbour);
    return (registry ?? this).firstContainer(name);
  }

  firstContainer(name: string): Container | undefined {
    const specification = this.get(name)?.body['InferenceSpecification'] as
      { Containers?: Container[] } | undefined;
    return specification?.Containers?.[0];
  }

  create(request: CreatePackage, by: UserContext): PackageRecord {
    const { ModelPackageName, ModelPackageGroupName, ClientToken, Tags, ...body } = request;
    if (ModelPackageName !== undefined && ModelPackageGroupName !== undefined) {
      throw invalid('Both ModelPackageName and ModelPackageGroupName cannot be specified.');
    }
    if (ModelPackageName === undefined && ModelPackageGroupName === undefined) {
      throw invalid('One of ModelPackageName and ModelPackageGroupName must be specified.');
    }
    const known =
      ClientToken === undefined ? undefined : this.kernel.store.get<string>(TOKENS, ClientToken);
    const existing = known === undefined ? undefined : this.get(known);
    if (existing) return existing;
    const group =
      ModelPackageGroupName === undefined ? undefined : this.foundGroup(ModelPackageGroupName);
    const identity =
      group === undefined ? this.unversioned(ModelPackageName ?? '') : this.versioned(group);
    const { ModelApprovalStatus, CustomerMetadataProperties, ...rest } = body;
    const nowMs = this.kernel.now();
    const approval =
      ModelApprovalStatus ??
      (ModelPackageGroupName === undefined ? undefined : 'PendingManualApproval');
    const record: PackageRecord = {
      ...identity,
      createdAtMs: nowMs,
      modifiedAtMs: nowMs,
      createdBy: by,
      ...(approval !== undefined && { approval }),
      metadata: CustomerMetadataProperties ?? {},
      body: withDigests(rest),
    };
    // In one piece: the same call after a kill must not register a second version.
    this.kernel.store.write([
      ...(group === undefined
        ? []
        : [
            {
              collection: GROUPS,
              key: group.name,
              value: { ...group, nextVersion: group.nextVersion + 1 },
            },
          ]),
      { collection: PACKAGES, key: record.arn, value: record },
      ...(ClientToken === undefined
        ? []
        : [{ collection: TOKENS, key: ClientToken, value: record.arn }]),
    ]);
    this.tags.add(record.arn, Tags);
    this.kernel.emit(packageEvent(record, []));
    return record;
  }

  private unversioned(name: string) {
    const arn = this.kernel.arn('sagemaker', `model-package/${name.toLowerCase()}`);
    if (this.get(arn)) throw invalid(`Model Package already exists: ${arn}`);
    return { name, arn };
  }

  private versioned({ name, nextVersion: version }: GroupRecord) {
    const arn = this.kernel.arn('sagemaker', `model-package/${name.toLowerCase()}/${version}`);
    return { name, arn, group: name, version };
  }

  private update(request: UpdatePackage, call: CallInfo) {
    const answer = { ModelPackageArn: this.found(request.ModelPackageArn).arn };
    const { ClientToken, ...asked } = request;
    const digest = createHash('sha256').update(JSON.stringify(asked)).digest('hex');
    const token = ClientToken === undefined ? undefined : `update/${ClientToken}`;
    const known =
      token === undefined ? undefined : this.kernel.store.get<UpdateToken>(TOKENS, token);
    if (known !== undefined && known.digest !== digest) {
      throw new AwsError(
        'ConflictException',
        'The ClientToken was used before with other parameters.',
      );
    }
    if (known !== undefined) return answer;
    const record = this.found(request.ModelPackageArn);
    const by = this.userOf(call.accessKeyId);
    this.refuseConcurrent(record, by);
    const { changed, fields } = updated(record, request);
    const next: PackageRecord = {
      ...changed,
      modifiedAtMs: Math.max(this.kernel.now(), record.modifiedAtMs + 1),
      modifiedBy: by,
    };
    // In one piece: a call that a kill cut off was made, or was not.
    this.kernel.store.write([
      { collection: PACKAGES, key: record.arn, value: next },
      ...(token === undefined
        ? []
        : [{ collection: TOKENS, key: token, value: { digest } satisfies UpdateToken }]),
    ]);
    this.kernel.emit(packageEvent(next, fields));
    return answer;
  }

  /** Two that change one package at once: the later one is refused while the earlier one's change is under way. */
  private refuseConcurrent(record: PackageRecord, by: UserContext): void {
    const underWay =
      record.modifiedBy !== undefined &&
      this.kernel.now() < record.modifiedAtMs + taken(this.kernel, 'updatePackage');
    if (!underWay || JSON.stringify(record.modifiedBy) === JSON.stringify(by)) return;
    throw new AwsError(
      'ConflictException',
      `Model Package ${record.arn} is being modified by another request. Please try again.`,
    );
  }

  private remove(name: string, call: CallInfo) {
    const record = this.found(name);
    this.refuseConcurrent(record, this.userOf(call.accessKeyId));
    this.kernel.store.delete(PACKAGES, record.arn);
    this.tags.drop(record.arn);
    return {};
  }

  private list(request: z.output<typeof listPackages>) {
    const { ModelPackageGroupName: asked } = request;
    if (asked !== undefined && !isOf(this.kernel, asked))
      throw invalid(`Model Package Group ${asked} does not exist.`);
    const group = asked && groupNameOf(asked);
    const all = this.kernel.store
      .entries<PackageRecord>(PACKAGES)
      .map(([, record]) => record)
      .filter(
        (record) =>
          (group === undefined
            ? record.group === undefined || request.ModelPackageType !== undefined
            : record.group === group) &&
          (request.ModelApprovalStatus === undefined ||
            record.approval === request.ModelApprovalStatus),
      )
      .sort((a, b) => (a.version ?? 0) - (b.version ?? 0));
    const { items, ...next } = pageOf(filtered(all, request), request);
    const ModelPackageSummaryList = items.map((record) => ({
      ModelPackageName: record.version === undefined ? record.name : undefined,
      ModelPackageGroupName: record.group,
      ModelPackageVersion: record.version,
      ModelPackageArn: record.arn,
      ModelPackageDescription: record.body['ModelPackageDescription'],
      CreationTime: seconds(record.createdAtMs),
      ModelPackageStatus: 'Completed',
      ModelApprovalStatus: record.approval,
    }));
    return { ModelPackageSummaryList, ...next };
  }

  private createGroup(input: unknown, call: CallInfo) {
    const request = parse(createGroup, input);
    const name = request.ModelPackageGroupName;
    const arn = this.kernel.arn('sagemaker', `model-package-group/${name.toLowerCase()}`);
    if (this.kernel.store.get(GROUPS, name) !== undefined)
      throw invalid(`Model Package Group already exists: ${arn}`);
    const group: GroupRecord = {
      name,
      arn,
      ...(request.ModelPackageGroupDescription !== undefined && {
        description: request.ModelPackageGroupDescription,
      }),
      createdAtMs: this.kernel.now(),
      createdBy: this.userOf(call.accessKeyId),
      nextVersion: 1,
    };
    this.kernel.store.put(GROUPS, name, group);
    this.tags.add(arn, request.Tags);
    return { ModelPackageGroupArn: arn };
  }

  private putPolicy(input: unknown) {
    const { ModelPackageGroupName: name, ResourcePolicy: policy } = parse(putGroupPolicy, input);
    const group = this.foundGroup(name);
    const fault = faultOfPolicy(policy);
    if (fault !== undefined) throw invalid(`Invalid resource policy: ${fault}`);
    this.kernel.store.put(GROUPS, group.name, { ...group, policy });
    return { ModelPackageGroupArn: group.arn };
  }

  private describeGroup(name: string) {
    const group = this.foundGroup(name);
    return {
      ModelPackageGroupName: group.name,
      ModelPackageGroupArn: group.arn,
      ModelPackageGroupDescription: group.description,
      CreationTime: seconds(group.createdAtMs),
      CreatedBy: group.createdBy,
      ModelPackageGroupStatus: 'Completed',
    };
  }

  private listGroups(input: unknown) {
    const request = parse(page, input);
    const all = this.kernel.store.entries<GroupRecord>(GROUPS).map(([, group]) => group);
    const { items, ...next } = pageOf(filtered(all, request), request);
    const ModelPackageGroupSummaryList = items.map((group) => ({
      ModelPackageGroupName: group.name,
      ModelPackageGroupArn: group.arn,
      ModelPackageGroupDescription: group.description,
      CreationTime: seconds(group.createdAtMs),
      ModelPackageGroupStatus: 'Completed',
    }));
    return { ModelPackageGroupSummaryList, ...next };
  }

  private deleteGroup(input: unknown) {
    const group = this.foundGroup(parse(groupByName, input).ModelPackageGroupName);
    const used = this.kernel.store
      .entries<PackageRecord>(PACKAGES)
      .some(([, record]) => record.group === group.name);
    if (used)
      throw new AwsError(
        'ConflictException',
        `Model Package Group cannot be deleted because it still contains Model Packages: ${group.arn}`,
      );
    this.kernel.store.delete(GROUPS, group.name);
    return {};
  }

  private foundGroup(nameOrArn: string): GroupRecord {
    const name = groupNameOf(nameOrArn);
    const group = this.kernel.store.get<GroupRecord>(GROUPS, name);
    if (group !== undefined && isOf(this.kernel, nameOrArn)) return group;
    throw invalid(`Model Package Group ${name} does not exist.`);
  }

  private found(name: string): PackageRecord {
    const record = this.get(name);
    if (record !== undefined) return record;
    throw invalid(`ModelPackage ${name} does not exist.`);
  }
}

/** The package with the request's changes, and the members an event names. Refuses before anything is changed. */
function updated(
  record: PackageRecord,
  request: UpdatePackage,
): { readonly changed: PackageRecord; readonly fields: readonly string[] } {
  const changed: PackageRecord = { ...record };
  const fields: string[] = [];
  if (request.ModelApprovalStatus !== undefined) {
    changed.approval = request.ModelApprovalStatus;
    fields.push('ModelApprovalStatus');
  }
  if (request.ApprovalDescription !== undefined) {
    changed.approvalDescription = request.ApprovalDescription;
    fields.push('ApprovalDescription');
  }
  const removed = new Set(request.CustomerMetadataPropertiesToRemove);
  if (request.CustomerMetadataProperties !== undefined || removed.size > 0) {
    const merged = { ...record.metadata, ...request.CustomerMetadataProperties };
    changed.metadata = Object.fromEntries(
      Object.entries(merged).filter(([key]) => !removed.has(key)),
    );
    if (Object.keys(changed.metadata).length > MAX_METADATA)
      throw invalid(`CustomerMetadataProperties can have at most ${MAX_METADATA} entries.`);
    fields.push('CustomerMetadataProperties');
  }
  for (const member of ['InferenceSpecification', 'ModelLifeCycle', 'SourceUri'] as const) {
    if (request[member] === undefined) continue;
    changed.body = { ...changed.body, [member]: request[member] };
    fields.push(member === 'SourceUri' ? 'sourceUri' : member);
  }
  return { changed, fields };
}

function groupNameOf(nameOrArn: string): string {
  return nameOrArn.replace(/^arn:[^/]*\//, '');
}

function describe(record: PackageRecord): object {
  return {
    ...record.body,
    ModelPackageName: record.version === undefined ? record.name : undefined,
    ModelPackageGroupName: record.group,
    ModelPackageVersion: record.version,
    ModelPackageArn: record.arn,
    CreationTime: seconds(record.createdAtMs),
    CreatedBy: record.createdBy,
    ...(record.modifiedBy && {
      LastModifiedBy: record.modifiedBy,
      LastModifiedTime: seconds(record.modifiedAtMs),
    }),
    ModelPackageStatus: 'Completed',
    ModelPackageStatusDetails: { ValidationStatuses: [], ImageScanStatuses: [] },
    CertifyForMarketplace: false,
    ModelApprovalStatus: record.approval,
    ApprovalDescription: record.approvalDescription,
    // A map without entries is no value to AWS.
    ...(Object.keys(record.metadata).length > 0 && {
      CustomerMetadataProperties: record.metadata,
    }),
  };
}

/** Instants are ISO strings without fractions here. */
function packageEvent(record: PackageRecord, updatedFields: readonly string[]): BusEvent {
  const iso = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
  return {
    source: 'aws.sagemaker',
    detailType: 'SageMaker Model Package State Change',
    resources: [record.arn],
    time: iso(record.modifiedAtMs),
    detail: {
      ...record.body,
      ModelPackageGroupName: record.group,
      ModelPackageVersion: record.version,
      ModelPackageArn: record.arn,
      CreationTime: iso(record.createdAtMs),
      ModelPackageStatus: 'Completed',
      ModelPackageStatusDetails: { ValidationStatuses: [], ImageScanStatuses: [] },
      CertifyForMarketplace: false,
      ModelApprovalStatus: record.approval,
      ...(record.approvalDescription !== undefined && {
        ApprovalDescription: record.approvalDescription,
      }),
      CustomerMetadataProperties: record.metadata,
      UpdatedModelPackageFields: updatedFields,
      LastModifiedTime: iso(record.modifiedAtMs),
    },
  };
}

/** Containers get the digest their image had at registration. */
function withDigests(body: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const specification = body['InferenceSpecification'] as { Containers: Container[] } | undefined;
  if (specification === undefined) return body;
  const Containers = specification.Containers.map((container) =>
    container.Image === undefined
      ? container
      : { ImageDigest: imageDigest(container.Image), ...container },
  );
  return { ...body, InferenceSpecification: { ...specification, Containers } };
}
