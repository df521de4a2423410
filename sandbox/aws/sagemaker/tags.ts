import type { Kernel } from '../kernel.js';
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
      AddTags: (input: unknown) => {
        const { ResourceArn, Tags } = parse(addTags, input);
        return { Tags: this.add(ResourceArn, Tags) };
      },
      ListTags: (input: unknown) => ({ Tags: this.of(parse(listTags, input).ResourceArn) }),
      DeleteTags: (input: unknown) => {
        const { ResourceArn, TagKeys } = parse(deleteTags, input);
        const kept = this.of(ResourceArn).filter(({ Key }) => !TagKeys.includes(Key));
        this.kernel.store.put(COLLECTION, ResourceArn.toLowerCase(), kept);
        return {};
      },
    };
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
