import { AwsError } from '../kernel.js';
import type { CallInfo, Kernel } from '../kernel.js';
import { isOf } from './context.js';
import { addTags, deleteTags, listTags } from './shapes.js';
import { invalid, parse } from './validate.js';

interface Tag {
  readonly Key: string;
  readonly Value: string;
}

const COLLECTION = 'sagemaker.tags';
const MAX_TAGS = 50;

/** Tags by ARN, compared ignoring case as the ARNs themselves are. */
export class Tags {
  constructor(private readonly kernel: Kernel) {}

  get operations() {
    return {
      AddTags: (input: unknown, call: CallInfo) => {
        const { ResourceArn, Tags } = parse(addTags, input);
        this.checkPlace('AddTags', ResourceArn, call);
        return { Tags: this.add(ResourceArn, Tags) };
      },
      ListTags: (input: unknown, call: CallInfo) => {
        const { ResourceArn } = parse(listTags, input);
        this.checkPlace('ListTags', ResourceArn, call);
        return { Tags: this.of(ResourceArn) };
      },
      DeleteTags: (input: unknown, call: CallInfo) => {
        const { ResourceArn, TagKeys } = parse(deleteTags, input);
        this.checkPlace('DeleteTags', ResourceArn, call);
        const kept = this.of(ResourceArn).filter(({ Key }) => !TagKeys.includes(Key));
        this.kernel.store.put(COLLECTION, ResourceArn.toLowerCase(), kept);
        return {};
      },
    };
  }

  /** An ARN of another account or Region is nobody's here, whatever its name. */
  private checkPlace(operation: string, arn: string, { caller }: CallInfo): void {
    if (isOf(this.kernel, arn)) return;
    throw new AwsError(
      'AccessDeniedException',
      `User: ${caller.arn} is not authorized to perform: sagemaker:${operation} on resource: ${arn}`,
    );
  }

  of(arn: string): readonly Tag[] {
    return this.kernel.store.get<Tag[]>(COLLECTION, arn.toLowerCase()) ?? [];
  }

  add(arn: string, tags: readonly Tag[] = []): readonly Tag[] {
    const all = new Map([...this.of(arn), ...tags].map(({ Key, Value }) => [Key, Value]));
    if (all.size > MAX_TAGS) throw invalid(`A resource can have at most ${MAX_TAGS} tags`);
    const merged = [...all].map(([Key, Value]) => ({ Key, Value }));
    if (merged.length > 0) this.kernel.store.put(COLLECTION, arn.toLowerCase(), merged);
    return merged;
  }

  drop(arn: string): void {
    this.kernel.store.delete(COLLECTION, arn.toLowerCase());
  }
}
