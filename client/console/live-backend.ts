import { setTimeout as sleep } from 'node:timers/promises';

import { ledgerKey, type LedgerEntry } from '../../domain/ledger.js';
import type { Account } from '../account.js';
import { messageOf, ModelkeeperError } from '../errors.js';
import type { ModelkeeperClient } from '../modelkeeper.js';
import type { ConsoleBackend, LedgerReading } from './backend.js';
import { historyReader } from './history.js';

export interface LiveBackendOptions {
  connect(): Promise<ModelkeeperClient>;
  /** Reads of one Region of the AWS account. */
  accountIn(region: string): Promise<Pick<Account, 'readJson' | 'reportsBelow' | 'close'>>;
  readonly log: {
    info(what: string): void;
    warn(about: object, what: string): void;
  };
  /** Waits between attempts to connect, milliseconds; the last one is repeated. */
  readonly retryMs?: readonly number[];
}

export interface LiveBackend extends ConsoleBackend {
  /** Begins to connect, and goes on until Temporal answers. */
  start(): void;
  close(): Promise<void>;
}

const RETRY_MS = [500, 1_000, 2_000, 5_000] as const;
const LEDGER_ENTRIES = 20;
const LEDGER_CACHE = 1_000;

/**
 * The backend on a real Temporal and a real account. Answers at once: until Temporal has answered, every call says
 * that it is being connected to. Later losses are repaired by the connection itself.
 */
export function liveBackend(options: LiveBackendOptions): LiveBackend {
  const stop = new AbortController();
  const stopped = (): boolean => stop.signal.aborted;
  let client: ModelkeeperClient | undefined;
  let lastFailure: string | null = null;

  async function connectWhenItAnswers(): Promise<void> {
    const pauses = options.retryMs ?? RETRY_MS;
    for (let attempt = 0; !stopped(); attempt += 1) {
      try {
        const connected = await options.connect();
        if (stopped()) await connected.close();
        else client = connected;
        options.log.info('Temporal answers');
        return;
      } catch (error) {
        if (stopped()) return;
        lastFailure = messageOf(error);
        options.log.warn({ attempt: attempt + 1 }, lastFailure);
      }
      await sleep(pauses[Math.min(attempt, pauses.length - 1)], undefined, {
        signal: stop.signal,
      }).catch(() => undefined);
    }
  }
  let connecting = Promise.resolve();

  function temporal(): ModelkeeperClient {
    if (client !== undefined) return client;
    throw new ModelkeeperError(
      'unreachable',
      lastFailure ?? 'the console is still connecting to Temporal',
    );
  }

  const accounts = new Map<string, ReturnType<LiveBackendOptions['accountIn']>>();
  function account(region: string): ReturnType<LiveBackendOptions['accountIn']> {
    const known = accounts.get(region) ?? options.accountIn(region);
    accounts.set(region, known);
    return known;
  }

  const history = historyReader();
  const entries = new Map<string, LedgerEntry>();
  /** Entries never change once written, so each is read once. */
  async function entry(region: string, uri: string): Promise<LedgerEntry | null> {
    const known = entries.get(uri);
    if (known !== undefined) return known;
    const read = await (await account(region)).readJson(uri);
    if (!isLedgerEntry(read)) return null;
    if (entries.size >= LEDGER_CACHE) entries.clear();
    entries.set(uri, read);
    return read;
  }

  return {
    start() {
      connecting = connectWhenItAnswers();
    },
    connection: () =>
      client === undefined ? { kind: 'connecting', lastFailure } : { kind: 'connected' },
    list: async () => temporal().list(),
    status: async (model) => temporal().status(model),
    releases: async (model) => temporal().releases(model),
    releaseStatus: async (model, release) => temporal().releaseStatus(model, release),
    why: async (model) => temporal().why(model),
    approvalRequest: async (model, release) => temporal().approvalRequest(model, release),
    decide: async (model, release, decision, send) =>
      temporal().decide(model, release, decision, send),

    async ledger(model, headNumber): Promise<LedgerReading> {
      try {
        const place = await temporal().place(model);
        if (place === null) return { kind: 'unreadable', reason: 'nobody knows where it is' };
        const first = Math.max(1, headNumber - LEDGER_ENTRIES + 1);
        const numbers = Array.from(
          { length: headNumber - first + 1 },
          (_, index) => headNumber - index,
        );
        const read = await Promise.all(
          numbers.map((number) =>
            entry(place.region, `${place.storage.replace(/\/*$/, '/')}${ledgerKey(model, number)}`),
          ),
        );
        return { kind: 'entries', entries: read.filter((one) => one !== null) };
      } catch (error) {
        return { kind: 'unreadable', reason: messageOf(error) };
      }
    },

    async windowHistory(model, source) {
      const place = await temporal().place(model);
      if (place === null) return { windows: [] };
      return history(
        await account(place.region),
        [place.storage.replace(/\/*$/, ''), 'reports', model, 'windows', source].join('/'),
        Date.now(),
      );
    },

    async readReport(model, uri) {
      const place = await temporal().place(model);
      if (place === null) return null;
      try {
        return await (await account(place.region)).readJson(uri);
      } catch (error) {
        options.log.warn({ uri }, `a report cannot be read: ${messageOf(error)}`);
        return null;
      }
    },

    async close() {
      stop.abort();
      for (const opened of accounts.values()) {
        await opened.then(
          (one) => {
            one.close();
          },
          () => undefined,
        );
      }
      await client?.close();
      await connecting;
    },
  };
}

function isLedgerEntry(value: unknown): value is LedgerEntry {
  return (
    value !== null &&
    typeof value === 'object' &&
    'schema' in value &&
    value.schema === 'modelkeeper/ledger-v1'
  );
}
