import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { AdminPages } from '../admin.js';
import { AwsError } from '../kernel.js';
import type { Service } from '../kernel.js';
import { detected, operations, page } from '../validate.js';
import type { Core } from '../wires.js';

const op = operations(detected('IllegalArgumentException'));

/** Name of the quota → what it allows. AWS has more than a thousand for SageMaker; these are enough to turn pages. */
const TYPES = ['t2.medium', 'm5.large', 'm5.xlarge', 'c5.xlarge', 'c6i.xlarge', 'g4dn.xlarge'];
const USES = ['endpoint', 'training job', 'processing job', 'transform job'];
const DEFAULTS: Readonly<Record<string, number>> = Object.fromEntries(
  TYPES.flatMap((type) =>
    USES.map((use) => [`ml.${type} for ${use} usage`, type.startsWith('g') ? 0 : 4]),
  ),
);

const quotasSchema = z.record(z.string().min(1), z.number().min(0));
const paging = {
  NextToken: z.string().min(1).max(2048).optional(),
  MaxResults: z.int().min(1).max(100).optional(),
};

/** AWS Service Quotas: what the account may have of SageMaker. The sandbox itself holds nobody to them. */
export function createServiceQuotas(core: Core): {
  readonly service: Service;
  readonly pages: AdminPages;
} {
  const own = (): Readonly<Record<string, number>> =>
    core.store.get<Record<string, number>>('sandbox', 'quotas') ?? {};

  const all = (service: string): readonly Record<string, unknown>[] => {
    if (service !== 'sagemaker')
      throw new AwsError(
        'NoSuchResourceException',
        'The request failed because the specified service does not exist.',
      );
    return Object.entries({ ...DEFAULTS, ...own() })
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => {
        const code = `L-${createHash('sha256').update(name).digest('hex').slice(0, 8).toUpperCase()}`;
        return {
          ServiceCode: service,
          ServiceName: 'Amazon SageMaker',
          QuotaArn: core.arn('servicequotas', `${service}/${code}`),
          QuotaCode: code,
          QuotaName: name,
          Value: value,
          Unit: 'None',
          Adjustable: true,
          GlobalQuota: false,
        };
      });
  };

  const service: Service = {
    name: 'ServiceQuotas',
    target: 'ServiceQuotasV20190624',
    complain: detected('IllegalArgumentException'),
    operations: {
      ListServiceQuotas: op(
        z.object({ ServiceCode: z.string(), ...paging }),
        ({ ServiceCode, NextToken, MaxResults = 100 }) => {
          const { items, next } = page(
            all(ServiceCode),
            MaxResults,
            NextToken,
            () => new AwsError('InvalidPaginationTokenException', 'Invalid NextToken.'),
          );
          return { Quotas: items, NextToken: next };
        },
      ),
      GetServiceQuota: op(
        z.object({ ServiceCode: z.string(), QuotaCode: z.string() }),
        ({ ServiceCode, QuotaCode: code }) => {
          const quota = all(ServiceCode).find(({ QuotaCode }) => QuotaCode === code);
          if (quota === undefined)
            throw new AwsError(
              'NoSuchResourceException',
              'The request failed because the specified service quota does not exist.',
            );
          return { Quota: quota };
        },
      ),
    },
  };
  return {
    service,
    pages: {
      'GET /_sandbox/quotas': () => ({ ...DEFAULTS, ...own() }),
      'PUT /_sandbox/quotas': (body) => {
        core.store.put('sandbox', 'quotas', quotasSchema.parse(body));
        return own();
      },
    },
  };
}
