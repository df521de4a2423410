import type { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';

import { SEARCH_ATTRIBUTES } from '../domain/search-attributes.js';

const KEYWORD = proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD;
const ALREADY_EXISTS = 6;
const PERMISSION_DENIED = 7;

/**
 * Registers what is missing. Compared first: a server may accept a second registration with another type in silence.
 *
 * On a cluster where workers may not administer (Temporal Cloud), the operator registers them; then this only looks.
 *
 * @throws {Error} when an attribute has another type than ours
 */
export async function registerSearchAttributes(
  connection: Connection,
  namespace: string,
  log: { info(message: string): void; warn(message: string): void },
): Promise<void> {
  const known = await connection.operatorService.listSearchAttributes({ namespace });
  const types = { ...known.systemAttributes, ...known.customAttributes };
  const wrong = Object.values(SEARCH_ATTRIBUTES).filter(
    (name) => types[name] !== undefined && types[name] !== KEYWORD,
  );
  if (wrong.length > 0) {
    throw new Error(
      `the search attributes ${wrong.join(', ')} of namespace ${namespace} are not of type Keyword: remove them with temporal operator search-attribute remove, or use another namespace`,
    );
  }
  const missing = Object.values(SEARCH_ATTRIBUTES).filter((name) => types[name] === undefined);
  if (missing.length === 0) return;
  try {
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map((name) => [name, KEYWORD])),
    });
    log.info(`registered the search attributes ${missing.join(', ')}`);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === ALREADY_EXISTS) return;
    if (code !== PERMISSION_DENIED) throw error;
    log.warn(
      `the search attributes ${missing.join(', ')} are missing and this worker may not register them: ask the operator of namespace ${namespace}`,
    );
  }
}
