import { z } from 'zod';

import { NOTICES, SEVERITIES } from './policy.schema.js';

const oneNoticeShape = {
  event: z.enum(NOTICES).describe('What it is about. Of several told together, the first one’s.'),
  severity: z.enum(SEVERITIES).describe('Of several told together, the severest.'),
  subject: z.string().describe('One line for people.'),
  text: z.string().describe('What happened and why, for people.'),
  dedupeKey: z
    .string()
    .min(1)
    .describe('One per decision: a message with a key that was seen is a repeat.'),
  at: z.iso.datetime().describe('When it was decided.'),
  evidence: z
    .array(z.object({ uri: z.string(), sha256: z.string().nullable() }))
    .describe('What it was decided by.'),
  link: z.string().nullable().describe('The page on the console; null where there is none.'),
};

/** The document that SNS hands to lambda, sqs, http and https. Members are only ever added to it. */
export const noticeDocumentSchema = z.object({
  schema: z.literal('modelkeeper/notice-v1'),
  model: z.string().min(1),
  team: z.string().nullable().describe('metadata.team of the policy.'),
  endpoint: z.string().min(1),
  region: z.string().min(1),
  ...oneNoticeShape,
  notices: z
    .array(z.object(oneNoticeShape))
    .min(1)
    .optional()
    .describe('The notices that are told together in this message; absent for a single one.'),
});
export type NoticeDocument = z.infer<typeof noticeDocumentSchema>;
