/** The airline's systems: they ask the endpoint before each flight and learn later whether it was late. */
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';

import { PutObjectCommand } from '@aws-sdk/client-s3';
import { InvokeEndpointCommand, SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';

import { BUCKET, DATA_PREFIX, LABELS_PREFIX, MODEL, REGION } from './company.js';
import type { Aws } from './company.js';
import { CHUNK_MS, FLIGHTS_PER_CHUNK } from './flights.js';
import type { Flight, Flights, Region } from './flights.js';

/** Asked per chunk: 130 a second. */
const REQUESTS_PER_CHUNK = 260;
const TICK_MS = 50;
const MAX_IN_FLIGHT = 64;
/** A request this late is not sent: the flight has left. */
const TOO_LATE_MS = 3_000;
/** How long after a chunk its labels are there. */
const LABELS_AFTER_MS = 2_000;
/** After a stop, the company's data is filled up for this long; nobody asked the endpoint meanwhile. */
const FILL_UP_CHUNKS = 120_000 / CHUNK_MS;

export interface TrafficCounts {
  readonly sent: number;
  readonly failed: number;
  readonly labelled: number;
}

export interface TrafficOptions {
  readonly endpoint: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly aws: Aws;
  readonly flights: Flights;
  readonly weekZeroAtMs: number;
  /** `null` until the hubs open. */
  readonly hubsOpenAtMs: () => number | null;
  readonly scratch: string;
  readonly troubled: (line: string) => void;
}

interface Due {
  readonly atMs: number;
  readonly flight: Flight;
}

/** Sends requests and labels by the clock until it is stopped. */
export class Traffic {
  private readonly runtime: SageMakerRuntimeClient;
  private readonly due: Due[] = [];
  private readonly answered = new Map<number, Flight[]>();
  private readonly timers: NodeJS.Timeout[] = [];
  private inFlight = 0;
  private nextChunk: number;
  private nextLabels: number;
  private preparing: Promise<void> = Promise.resolve();
  private writing: Promise<void> = Promise.resolve();
  private sent = 0;
  private failed = 0;
  private labelled = 0;
  private stopped = false;

  constructor(private readonly options: TrafficOptions) {
    const { endpoint, credentials } = options;
    this.runtime = new SageMakerRuntimeClient({
      endpoint,
      region: REGION,
      credentials,
      maxAttempts: 1,
    });
    this.nextChunk = this.chunkAt(Date.now());
    this.nextLabels = Math.max(0, this.nextChunk - FILL_UP_CHUNKS);
  }

  counts(): TrafficCounts {
    return { sent: this.sent, failed: this.failed, labelled: this.labelled };
  }

  start(): void {
    this.timers.push(
      setInterval(() => {
        this.skip();
        this.prepare();
        this.send();
        this.label();
      }, TICK_MS),
    );
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.timers.forEach(clearInterval);
    await Promise.allSettled([this.preparing, this.writing]);
    this.runtime.destroy();
  }

  private chunkAt(atMs: number): number {
    return Math.max(0, Math.floor((atMs - this.options.weekZeroAtMs) / CHUNK_MS));
  }

  private startOf(chunk: number): number {
    return this.options.weekZeroAtMs + chunk * CHUNK_MS;
  }

  private regionOf(chunk: number): Region {
    const openMs = this.options.hubsOpenAtMs();
    return openMs !== null && this.startOf(chunk) >= openMs ? 'hubs' : 'west';
  }

  /** The clock may have jumped ahead (a machine that slept): what was missed then is not made up for. */
  private skip(): void {
    const nowMs = Date.now();
    const chunk = this.chunkAt(nowMs);
    if (nowMs - this.startOf(this.nextChunk + 1) > TOO_LATE_MS) this.nextChunk = chunk;
    this.nextLabels = Math.max(this.nextLabels, chunk - FILL_UP_CHUNKS);
  }

  /** Lines up the requests of a chunk as it begins. */
  private prepare(): void {
    const chunk = this.nextChunk;
    if (Date.now() < this.startOf(chunk)) return;
    this.nextChunk += 1;
    this.preparing = this.preparing.then(async () => {
      const flights = await this.options.flights.chunk(this.regionOf(chunk), chunk);
      const stride = Math.floor(FLIGHTS_PER_CHUNK / REQUESTS_PER_CHUNK);
      for (let at = 0; at < REQUESTS_PER_CHUNK; at += 1) {
        const flight = flights[at * stride];
        if (flight === undefined) continue;
        this.due.push({ atMs: this.startOf(chunk) + (at * CHUNK_MS) / REQUESTS_PER_CHUNK, flight });
      }
    });
  }

  private send(): void {
    const nowMs = Date.now();
    while (this.inFlight < MAX_IN_FLIGHT && (this.due[0]?.atMs ?? Infinity) <= nowMs) {
      const due = this.due.shift();
      if (due !== undefined && nowMs - due.atMs < TOO_LATE_MS) void this.ask(due);
    }
  }

  private async ask({ flight, atMs }: Due): Promise<void> {
    this.inFlight += 1;
    try {
      await this.runtime.send(
        new InvokeEndpointCommand({
          EndpointName: MODEL,
          ContentType: 'text/csv',
          InferenceId: flight.id,
          Body: `${flight.origin},${flight.destination},${String(flight.distance)},${String(flight.hour)},${String(flight.weekday)}`,
        }),
      );
      this.sent += 1;
      const chunk = Math.floor((atMs - this.options.weekZeroAtMs) / CHUNK_MS);
      this.answered.set(chunk, [...(this.answered.get(chunk) ?? []), flight]);
    } catch (error) {
      this.failed += 1;
      if (!this.stopped && this.failed % 500 === 1) {
        this.options.troubled(
          `a request failed: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    } finally {
      this.inFlight -= 1;
    }
  }

  /** Some "days" later it is known which flights were late. */
  private label(): void {
    const chunk = this.nextLabels;
    if (Date.now() < this.startOf(chunk + 1) + LABELS_AFTER_MS) return;
    this.nextLabels += 1;
    this.writing = this.writing.then(async () => {
      try {
        await this.writeLabels(chunk);
      } catch (error) {
        if (!this.stopped) {
          this.options.troubled(
            `labels could not be written: ${error instanceof Error ? error.message : String(error)}`,
          );
        }
      }
    });
  }

  private async writeLabels(chunk: number): Promise<void> {
    const { aws, flights, scratch } = this.options;
    const rows = await flights.chunk(this.regionOf(chunk), chunk);
    const file = `${scratch}/chunk-${String(chunk)}.parquet`;
    await flights.writeChunk(rows, this.startOf(chunk), file);
    const name = String(chunk).padStart(6, '0');
    await aws.s3.send(
      new PutObjectCommand({
        Bucket: BUCKET,
        Key: `${DATA_PREFIX}/chunk-${name}.parquet`,
        Body: readFileSync(file),
      }),
    );
    await rm(file, { force: true });

    const answered = this.answered.get(chunk) ?? [];
    this.answered.delete(chunk);
    if (answered.length === 0) return;
    const lines = answered.map(({ id, late }) =>
      JSON.stringify({
        groundTruthData: { data: String(late), encoding: 'CSV' },
        eventMetadata: { eventId: id },
        eventVersion: '0',
      }),
    );
    const hour = new Date().toISOString().slice(0, 13).replace(/[-T]/g, '/');
    await aws.s3.send(
      new PutObjectCommand({
        Bucket: BUCKET,
        Key: `${LABELS_PREFIX}/${hour}/chunk-${name}.jsonl`,
        Body: `${lines.join('\n')}\n`,
      }),
    );
    this.labelled += answered.length;
  }
}
