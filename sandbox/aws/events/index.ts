import { z } from 'zod';
import type { AdminPages } from '../admin.js';
import { AwsError } from '../kernel.js';
import type { Service } from '../kernel.js';
import { detected, operations, page } from '../validate.js';
import type { Core } from '../wires.js';
import { Bus, deliveryRatesSchema } from './bus.js';
import type { Rule } from './bus.js';
import { parsePattern } from './pattern.js';

const op = operations(detected('ValidationException'));

const ruleName = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[\.\-_A-Za-z0-9]+$/);
const busName = z.string().min(1).max(1600).optional();
const paging = {
  NextToken: z.string().min(1).max(2048).optional(),
  Limit: z.int().min(1).max(100).optional(),
};

const target = z.object({
  Id: z
    .string()
    .min(1)
    .max(64)
    .regex(/^[\.\-_A-Za-z0-9]+$/),
  Arn: z.string().min(1).max(1600),
  Input: z.string().max(8192).optional(),
  InputPath: z.string().max(256).optional(),
  InputTransformer: z.unknown().optional(),
  RetryPolicy: z
    .object({
      MaximumRetryAttempts: z.int().min(0).max(185).optional(),
      MaximumEventAgeInSeconds: z.int().min(60).max(86_400).optional(),
    })
    .optional(),
  DeadLetterConfig: z.object({ Arn: z.string().min(1).max(1600).optional() }).optional(),
  SqsParameters: z.object({ MessageGroupId: z.string().optional() }).optional(),
  RoleArn: z.string().optional(),
});

const MAX_TARGETS = 5;

/** Amazon EventBridge: rules on the default bus. Sets `core.wires.emit`. */
export function createEventBridge(core: Core): {
  readonly service: Service;
  readonly pages: AdminPages;
} {
  const bus = new Bus(core);
  core.wires.emit = (event) => {
    bus.emit(event);
  };

  const find = (name: string): Rule => {
    const rule = bus.rule(name);
    if (rule === undefined) throw notFound(`Rule ${name} does not exist on EventBus default.`);
    return rule;
  };

  const shown = (rule: Rule): Record<string, unknown> => ({
    Name: rule.name,
    Arn: bus.ruleArn(rule.name),
    EventPattern: rule.pattern,
    State: rule.state,
    Description: rule.description,
    RoleArn: rule.roleArn,
    EventBusName: 'default',
  });

  const setState = (state: Rule['state']) =>
    op(z.object({ Name: ruleName, EventBusName: busName }), ({ Name, EventBusName }) => {
      checkBus(EventBusName, core);
      bus.save({ ...find(Name), state });
    });

  const service: Service = {
    name: 'EventBridge',
    target: 'AWSEvents',
    start: () => {
      bus.start();
    },
    operations: {
      PutRule: op(
        z.object({
          Name: ruleName,
          EventPattern: z.string().max(4096).optional(),
          ScheduleExpression: z.string().max(256).optional(),
          State: z
            .enum(['ENABLED', 'DISABLED', 'ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS'])
            .optional(),
          Description: z.string().max(512).optional(),
          RoleArn: z.string().max(1600).optional(),
          EventBusName: busName,
        }),
        (input) => {
          checkBus(input.EventBusName, core);
          if (input.ScheduleExpression !== undefined)
            throw invalid('The sandbox has no scheduled rules: give an EventPattern.');
          if (input.EventPattern === undefined) {
            throw invalid('Parameter(s) EventPattern or ScheduleExpression must be specified.');
          }
          parsed(input.EventPattern);
          bus.save({
            name: input.Name,
            pattern: input.EventPattern,
            state: input.State === 'DISABLED' ? 'DISABLED' : 'ENABLED',
            description: input.Description,
            roleArn: input.RoleArn,
            targets: bus.rule(input.Name)?.targets ?? [],
          });
          return { RuleArn: bus.ruleArn(input.Name) };
        },
      ),
      DescribeRule: op(
        z.object({ Name: ruleName, EventBusName: busName }),
        ({ Name, EventBusName }) => {
          checkBus(EventBusName, core);
          return { ...shown(find(Name)), CreatedBy: core.accountId };
        },
      ),
      EnableRule: setState('ENABLED'),
      DisableRule: setState('DISABLED'),
      ListRules: op(
        z.object({
          NamePrefix: z.string().min(1).max(64).optional(),
          EventBusName: busName,
          ...paging,
        }),
        ({ NamePrefix = '', EventBusName, NextToken, Limit = 100 }) => {
          checkBus(EventBusName, core);
          const all = bus.rules().filter(({ name }) => name.startsWith(NamePrefix));
          const { items, next } = page(all, Limit, NextToken, badToken);
          return { Rules: items.map(shown), NextToken: next };
        },
      ),
      DeleteRule: op(
        z.object({ Name: ruleName, EventBusName: busName }),
        ({ Name, EventBusName }) => {
          checkBus(EventBusName, core);
          if ((bus.rule(Name)?.targets.length ?? 0) > 0)
            throw invalid("Rule can't be deleted since it has targets.");
          bus.remove(Name);
        },
      ),
      PutTargets: op(
        z.object({
          Rule: ruleName,
          EventBusName: busName,
          Targets: z.array(target).min(1).max(100),
        }),
        ({ Rule: name, EventBusName, Targets }) => {
          checkBus(EventBusName, core);
          const rule = find(name);
          const given = new Set(Targets.map(({ Id }) => Id));
          if (given.size < Targets.length) throw invalid('Duplicate target ids in the request.');
          if (Targets.some(({ InputTransformer }) => InputTransformer !== undefined)) {
            throw invalid('The sandbox has no input transformers: use Input or InputPath.');
          }
          const malformed = Targets.find(({ Arn }) => !Arn.startsWith('arn:'));
          if (malformed !== undefined)
            throw invalid(
              `Parameter ${malformed.Arn} is not valid. Reason: Provided Arn is not in correct format.`,
            );
          const targets = [...rule.targets.filter(({ Id }) => !given.has(Id)), ...Targets];
          if (targets.length > MAX_TARGETS) {
            throw new AwsError(
              'LimitExceededException',
              `The requested resource exceeds the maximum number allowed: ${MAX_TARGETS} targets per rule.`,
            );
          }
          bus.save({ ...rule, targets });
          return { FailedEntryCount: 0, FailedEntries: [] };
        },
      ),
      ListTargetsByRule: op(
        z.object({ Rule: ruleName, EventBusName: busName, ...paging }),
        ({ Rule: name, EventBusName, NextToken, Limit = 100 }) => {
          checkBus(EventBusName, core);
          const { items, next } = page(find(name).targets, Limit, NextToken, badToken);
          return { Targets: items, NextToken: next };
        },
      ),
      RemoveTargets: op(
        z.object({
          Rule: ruleName,
          EventBusName: busName,
          Ids: z.array(z.string().min(1).max(64)).min(1).max(100),
        }),
        ({ Rule: name, EventBusName, Ids }) => {
          checkBus(EventBusName, core);
          const rule = find(name);
          const unknown = Ids.filter((id) => !rule.targets.some(({ Id }) => Id === id));
          bus.save({ ...rule, targets: rule.targets.filter(({ Id }) => !Ids.includes(Id)) });
          return {
            FailedEntryCount: unknown.length,
            FailedEntries: unknown.map((TargetId) => ({
              TargetId,
              ErrorCode: 'ResourceNotFoundException',
              ErrorMessage: `Rule ${name} does not have a target with ID ${TargetId}.`,
            })),
          };
        },
      ),
      PutEvents: op(z.object({ Entries: z.array(eventEntry()).min(1).max(10) }), ({ Entries }) => {
        const results = Entries.map((entry) => putEvent(bus, entry));
        return {
          FailedEntryCount: results.filter((result) => 'ErrorCode' in result).length,
          Entries: results,
        };
      }),
      TestEventPattern: op(
        z.object({ EventPattern: z.string().max(4096), Event: z.string() }),
        ({ EventPattern, Event }) => {
          const pattern = parsed(EventPattern);
          let event: unknown;
          try {
            event = JSON.parse(Event);
          } catch {
            event = undefined;
          }
          const missing = [
            'id',
            'account',
            'source',
            'time',
            'region',
            'resources',
            'detail-type',
          ].find((field) => typeof event !== 'object' || event === null || !(field in event));
          if (missing !== undefined)
            throw invalid(
              `Parameter Event is not valid. Reason: Event must have the field ${missing}.`,
            );
          return { Result: pattern.matches(event) };
        },
      ),
    },
  };

  return {
    service,
    pages: {
      'GET /_sandbox/events': () => bus.rates,
      'PUT /_sandbox/events': (body) => {
        bus.rates = deliveryRatesSchema.parse(body);
        return bus.rates;
      },
    },
  };
}

function eventEntry() {
  return z.object({
    Source: z.string().optional(),
    DetailType: z.string().optional(),
    Detail: z.string().optional(),
    Resources: z.array(z.string()).optional(),
    EventBusName: z.string().optional(),
    Time: z.number().optional(),
  });
}

function putEvent(
  bus: Bus,
  entry: z.output<ReturnType<typeof eventEntry>>,
): Record<string, string> {
  for (const member of ['Source', 'DetailType', 'Detail'] as const) {
    if (entry[member] === undefined || entry[member] === '') {
      return {
        ErrorCode: 'InvalidArgument',
        ErrorMessage: `Parameter ${member} is not valid. Reason: ${member} is a required argument.`,
      };
    }
  }
  const { Source = '', DetailType = '', Detail = '' } = entry;
  if (Source.startsWith('aws.')) {
    return {
      ErrorCode: 'NotAuthorizedForSourceException',
      ErrorMessage: 'Not authorized for the source.',
    };
  }
  let detail: unknown;
  try {
    detail = JSON.parse(Detail);
  } catch {
    detail = undefined;
  }
  if (typeof detail !== 'object' || detail === null)
    return { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' };
  const time =
    entry.Time === undefined
      ? {}
      : { time: new Date(entry.Time * 1000).toISOString().replace(/\.\d+Z$/, 'Z') };
  return {
    EventId: bus.emit({
      source: Source,
      detailType: DetailType,
      resources: entry.Resources ?? [],
      detail,
      ...time,
    }),
  };
}

function parsed(text: string): { matches: (event: unknown) => boolean } {
  const result = parsePattern(text);
  if (result.kind === 'pattern') return result;
  throw new AwsError(
    'InvalidEventPatternException',
    `Event pattern is not valid. Reason: ${result.reason}`,
  );
}

function checkBus(name: string | undefined, core: Core): void {
  if (name === undefined || name === 'default' || name === core.arn('events', 'event-bus/default'))
    return;
  throw notFound(`Event bus ${name} does not exist.`);
}

function notFound(message: string): AwsError {
  return new AwsError('ResourceNotFoundException', message);
}

function invalid(message: string): AwsError {
  return new AwsError('ValidationException', message);
}

function badToken(): AwsError {
  return invalid('The NextToken is not valid.');
}
