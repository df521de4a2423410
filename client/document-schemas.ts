import { z } from 'zod';

import { driftReportSchema } from '../domain/drift-report.schema.js';
import { evaluationSchema } from '../domain/evaluation.schema.js';
import { multivariateReportSchema } from '../domain/multivariate.schema.js';
import { noticeDocumentSchema } from '../domain/notice.schema.js';
import { DETAIL_TYPES } from '../domain/own-events.js';
import {
  decisionDetailSchema,
  stageDetailSchema,
  verdictDetailSchema,
} from '../domain/own-events.schema.js';
import type { DocumentName } from './document-names.js';

/** What others' programs read, by the name of its file in docs/schemas. */
const DOCUMENTS = {
  'notice-v1': {
    title: 'modelkeeper notice v1',
    description: 'What SNS hands to lambda, sqs, http and https. Members may be added.',
    schema: noticeDocumentSchema,
  },
  'release-stage-change-v1': {
    title: DETAIL_TYPES.stage,
    description: 'detail of the event: a release enters a stage, or ends. Members may be added.',
    schema: stageDetailSchema,
  },
  'decision-v1': {
    title: DETAIL_TYPES.decision,
    description: 'detail of the event: one entry of the ledger. Members may be added.',
    schema: decisionDetailSchema,
  },
  'verdict-change-v1': {
    title: DETAIL_TYPES.verdict,
    description: 'detail of the event: the keeper judges otherwise. Members may be added.',
    schema: verdictDetailSchema,
  },
  'drift-report-v1': {
    title: 'modelkeeper drift report v1',
    description: 'What `modelkeeper drift --format json` prints. Members may be added.',
    schema: driftReportSchema,
  },
  'evaluation-v1': {
    title: 'modelkeeper evaluation v1',
    description:
      'What `modelkeeper evaluate --format json` prints, and a release keeps in S3. Members may be added.',
    schema: evaluationSchema,
  },
  'multivariate-v1': {
    title: 'modelkeeper multivariate v1',
    description: 'What `modelkeeper multivariate --format json` prints, and its job leaves in S3.',
    schema: multivariateReportSchema,
  },
} as const satisfies Record<DocumentName, unknown>;

/** `docs/schemas/<name>.schema.json`. A later version has more members: they are not forbidden. */
export function documentSchemaText(name: DocumentName): string {
  const { title, description, schema } = DOCUMENTS[name];
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input', target: 'draft-7' });
  const open = (key: string, value: unknown): unknown =>
    key === 'additionalProperties' && value === false ? undefined : value;
  return `${JSON.stringify({ $schema, title, description, ...rest }, open, 2)}\n`;
}
