import { z } from 'zod';
import type { AdminPages } from '../admin.js';
import { AwsError } from '../kernel.js';
import type { Service } from '../kernel.js';
import { detected, operations, page } from '../validate.js';
import type { Core } from '../wires.js';
import { Bus, DEFAULT_BUS, deliveryRatesSchema } from './bus.js';
import type { EventBus, Rule } from './bus.js';
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

/** Buses of one account and Region. */
const MAX_BUSES = 100;
/** Of all entries of one PutEvents. */
const MAX_ENTRY_BYTES = 1_048_576;

/** Amazon EventBridge: buses and their rules. Sets `core.wires.emit`. */
export function createEventBridge(core: Core): {
  readonly service: Service;
  readonly pages: AdminPages;
} {
  const bus = new Bus(core);
  core.wires.emit = (event) => {
    bus.emit(event);
  };

  /** The bus that a name or an ARN means. */
  const busNamed = (given: string | undefined): string => {
    const prefix = core.arn('events', 'event-bus/');
    const name = given?.startsWith(prefix) === true ? given.slice(prefix.length) : given;
    const found = bus.eventBus(name ?? DEFAULT_BUS);
    if (found === undefined) throw notFound(`Event bus ${given ?? ''} does not exist.`);
    return found.name;
  };

  const find = (name: string, on: string): Rule => {
    const rule = bus.rule(name, on);
    if (rule === undefined) throw notFound(`Rule ${name} does not exist on EventBus ${on}.`);
    return rule;
  };

  const shown = (rule: Rule): Record<string, unknown> => ({
    Name: rule.name,
    Arn: bus.ruleArn(rule),
    EventPattern: rule.pattern,
    State: rule.state,
    Description: rule.description,
    RoleArn: rule.roleArn,
    EventBusName: rule.bus ?? DEFAULT_BUS,
  });

  const shownBus = ({ name, description, createdAtMs }: EventBus): Record<string, unknown> => ({
    Name: name,
    Arn: core.arn('events', `event-bus/${name}`),
    Description: description,
    ...(name === DEFAULT_BUS
      ? {}
      : { CreationTime: createdAtMs / 1_000, LastModifiedTime: createdAtMs / 1_000 }),
  });

  const setState = (state: Rule['state']) =>
    op(z.object({ Name: ruleName, EventBusName: busName }), ({ Name, EventBusName }) => {
      bus.save({ ...find(Name, busNamed(EventBusName)), state });
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
          const on = busNamed(input.EventBusName);
          if (input.ScheduleExpression !== undefined && on !== DEFAULT_BUS)
            throw invalid('ScheduleExpression is supported only on the default event bus.');
          if (input.ScheduleExpression !== undefined)
            throw invalid('The sandbox has no scheduled rules: give an EventPattern.');
          if (input.EventPattern === undefined) {
            throw invalid('Parameter(s) EventPattern or ScheduleExpression must be specified.');
          }
          parsed(input.EventPattern);
          bus.save({
            name: input.Name,
            ...(on === DEFAULT_BUS ? {} : { bus: on }),
            pattern: input.EventPattern,
            state: input.State === 'DISABLED' ? 'DISABLED' : 'ENABLED',
            description: input.Description,
            roleArn: input.RoleArn,
            targets: bus.rule(input.Name, on)?.targets ?? [],
          });
          return { RuleArn: bus.ruleArn({ name: input.Name, bus: on }) };
        },
      ),
      DescribeRule: op(
        z.object({ Name: ruleName, EventBusName: busName }),
        ({ Name, EventBusName }) => {
          return {
            ...shown(find(Name, busNamed(EventBusName))),
            CreatedBy: core.accountId,
          };
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
          const all = bus
            .rules(busNamed(EventBusName))
            .filter(({ name }) => name.startsWith(NamePrefix));
          const { items, next } = page(all, Limit, NextToken, badToken);
          return { Rules: items.map(shown), NextToken: next };
        },
      ),
      ListRuleNamesByTarget: op(
        z.object({ TargetArn: z.string().min(1).max(1600), EventBusName: busName, ...paging }),
        ({ TargetArn, EventBusName, NextToken, Limit = 100 }) => {
          const names = bus
            .rules(busNamed(EventBusName))
            .filter(({ targets }) => targets.some(({ Arn }) => Arn === TargetArn))
            .map(({ name }) => name);
          const { items, next } = page(names, Limit, NextToken, badToken);
          return { RuleNames: items, NextToken: next };
        },
      ),
      DeleteRule: op(
        z.object({ Name: ruleName, EventBusName: busName }),
        ({ Name, EventBusName }) => {
          const on = busNamed(EventBusName);
          if ((bus.rule(Name, on)?.targets.length ?? 0) > 0)
            throw invalid("Rule can't be deleted since it has targets.");
          bus.remove(Name, on);
        },
      ),
      PutTargets: op(
        z.object({
          Rule: ruleName,
          EventBusName: busName,
          Targets: z.array(target).min(1).max(100),
        }),
        ({ Rule: name, EventBusName, Targets }) => {
          const rule = find(name, busNamed(EventBusName));
          const given = new Set(Targets.map(({ Id }) => Id));
          if (given.size < Targets.length) throw invalid('Duplicate target ids in the request.');
          for (const { Id, Input, InputPath, InputTransformer } of Targets) {
            const inputs = [Input, InputPath, InputTransformer];
            if (inputs.filter((each) => each !== undefined).length > 1)
              throw invalid(
                `Only one of Input, InputPath, or InputTransformer must be provided for target ${Id}.`,
              );
          }
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
          const { items, next } = page(
            find(name, busNamed(EventBusName)).targets,
            Limit,
            NextToken,
            badToken,
          );
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
          const rule = find(name, busNamed(EventBusName));
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
        const bytes = Entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
        if (bytes > MAX_ENTRY_BYTES)
          throw invalid('Total size of the entries in the request is over the limit.');
        const results = Entries.map((entry) => putEvent(core, bus, entry));
        return {
          FailedEntryCount: results.filter((result) => 'ErrorCode' in result).length,
          Entries: results,
        };
      }),
      CreateEventBus: op(
        z.object({
          Name: z
            .string()
            .min(1)
            .max(256)
            .regex(/^[/\.\-_A-Za-z0-9]+$/),
          Description: z.string().max(512).optional(),
        }),
        ({ Name, Description }) => {
          if (Name.includes('/'))
            throw invalid(`Event bus name ${Name} is not valid: a custom bus has no '/'.`);
          if (bus.eventBus(Name) !== undefined) {
            throw new AwsError(
              'ResourceAlreadyExistsException',
              `Event bus ${Name} already exists.`,
            );
          }
          if (bus.eventBuses().length >= MAX_BUSES) {
            throw new AwsError(
              'LimitExceededException',
              `The requested resource exceeds the maximum number allowed: ${MAX_BUSES} event buses.`,
            );
          }
          bus.saveBus({ name: Name, description: Description, createdAtMs: core.now() });
          return { EventBusArn: core.arn('events', `event-bus/${Name}`), Description };
        },
      ),
      DescribeEventBus: op(z.object({ Name: busName }), ({ Name }) => {
        const found = bus.eventBus(busNamed(Name));
        if (found === undefined) throw notFound(`Event bus ${Name ?? ''} does not exist.`);
        return shownBus(found);
      }),
      ListEventBuses: op(
        z.object({ NamePrefix: z.string().min(1).max(256).optional(), ...paging }),
        ({ NamePrefix = '', NextToken, Limit = 100 }) => {
          const all = bus.eventBuses().filter(({ name }) => name.startsWith(NamePrefix));
          const { items, next } = page(all, Limit, NextToken, badToken);
          return { EventBuses: items.map(shownBus), NextToken: next };
        },
      ),
      DeleteEventBus: op(z.object({ Name: z.string().min(1).max(256) }), ({ Name }) => {
        if (Name === DEFAULT_BUS) throw invalid('Cannot delete event bus default.');
        if (bus.rules(Name).length > 0)
          throw invalid(`Event bus ${Name} can't be deleted since it has rules.`);
        bus.removeBus(Name);
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
  core: Core,
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
  const prefix = core.arn('events', 'event-bus/');
  const { EventBusName = DEFAULT_BUS } = entry;
  const on = EventBusName.startsWith(prefix) ? EventBusName.slice(prefix.length) : EventBusName;
  const event = {
    source: Source,
    detailType: DetailType,
    resources: entry.Resources ?? [],
    detail,
    ...time,
  };
  return { EventId: bus.emit(event, on) };
}

function parsed(text: string): { matches: (event: unknown) => boolean } {
  const result = parsePattern(text);
  if (result.kind === 'pattern') return result;
  throw new AwsError(
    'InvalidEventPatternException',
    `Event pattern is not valid. Reason: ${result.reason}`,
  );
}

/** As AWS counts it: 14 bytes for a time, and the texts in UTF-8. */
function sizeOf(entry: z.output<ReturnType<typeof eventEntry>>): number {
  const { Time, Source, DetailType, Detail, Resources = [] } = entry;
  return [Source, DetailType, Detail, ...Resources].reduce(
    (sum, text) => sum + Buffer.byteLength(text ?? ''),
    Time === undefined ? 0 : 14,
  );
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
