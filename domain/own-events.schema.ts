import { z } from 'zod';

const common = {
  eventId: z
    .string()
    .min(1)
    .describe('The same for every repeat of an event: a consumer drops what it has seen.'),
  at: z.iso.datetime().describe('When it happened.'),
  model: z.string().min(1),
  team: z.string().nullable().describe('metadata.team of the policy.'),
  endpoint: z.string().min(1),
  region: z.string().min(1),
};
/** Values may be added to these: a consumer leaves alone what it does not know. */
const stage = z
  .string()
  .describe('retrain, evaluate, approve, deploy, probation or ended; more may come.');
const verdict = z
  .string()
  .describe(
    'healthy, data quality, drift, performance, unhealthy endpoint or cannot tell; more may come.',
  );

/** `detail` of "Modelkeeper Release Stage Change v1". Members are only ever added. */
export const stageDetailSchema = z.object({
  ...common,
  release: z.int().positive(),
  stage,
  previousStage: stage.nullable().describe('null for the first stage.'),
  result: z
    .string()
    .nullable()
    .describe(
      'How the release ended: promoted, rejected, expired, failed gates, rolled back, superseded, aborted or training failed; null unless the stage is ended.',
    ),
});
export type StageDetail = z.infer<typeof stageDetailSchema>;

/** `detail` of "Modelkeeper Decision v1": one entry of the ledger. */
export const decisionDetailSchema = z.object({
  ...common,
  release: z.int().positive().nullable().describe('null for a decision about the model itself.'),
  subject: z.string().describe('keeper/<model> or release/<model>/<n>.'),
  decision: z.string().min(1).describe('Kind of the ledger entry, such as request or approved.'),
  reasons: z.array(z.string()).describe('At most 20, each at most 1,000 characters.'),
  evidence: z.array(z.object({ uri: z.string(), sha256: z.string().nullable() })),
  actor: z.object({
    person: z.string().describe('Who decided; modelkeeper where the policy did.'),
    door: z.string().describe('Through what it came.'),
  }),
});
export type DecisionDetail = z.infer<typeof decisionDetailSchema>;

/** `detail` of "Modelkeeper Verdict Change v1". */
export const verdictDetailSchema = z.object({
  ...common,
  verdict,
  previousVerdict: verdict,
  reasons: z.array(z.string()),
});
export type VerdictDetail = z.infer<typeof verdictDetailSchema>;
