/** Every item of a list that AWS answers in pages, in its order. */
export async function pages<Item>(
  read: (next: { readonly NextToken?: string }) => Promise<{
    readonly items: readonly Item[];
    readonly next: string | undefined;
  }>,
): Promise<readonly Item[]> {
  const all: Item[] = [];
  let next: string | undefined;
  do {
    const page = await read(next === undefined ? {} : { NextToken: next });
    all.push(...page.items);
    next = page.next;
  } while (next !== undefined);
  return all;
}
