/** Monitoring schedules and job definitions of an account in memory. */
import {
  CreateDataQualityJobDefinitionCommand,
  CreateMonitoringScheduleCommand,
  DeleteDataQualityJobDefinitionCommand,
  DeleteMonitoringScheduleCommand,
  DescribeMonitoringScheduleCommand,
  ListDataQualityJobDefinitionsCommand,
  ListModelBiasJobDefinitionsCommand,
  ListModelExplainabilityJobDefinitionsCommand,
  ListModelQualityJobDefinitionsCommand,
  ListMonitoringSchedulesCommand,
  UpdateMonitoringScheduleCommand,
  type MonitoringScheduleConfig,
  type ScheduleStatus,
} from '@aws-sdk/client-sagemaker';

import { awsError, on } from './support.js';

export type Tags = readonly {
  readonly Key?: string | undefined;
  readonly Value?: string | undefined;
}[];

export interface Monitors {
  schedules: Map<string, { status: ScheduleStatus; config: MonitoringScheduleConfig; tags: Tags }>;
  /** Of data quality. */
  definitions: Map<string, Tags>;
}

export const noMonitors = (): Monitors => ({ schedules: new Map(), definitions: new Map() });

export const ourTags = (schedule: string): Tags => [
  { Key: 'modelkeeper:model', Value: 'flights' },
  { Key: 'modelkeeper:monitor', Value: schedule },
];

const notFound = (name: string): Error => awsError('ResourceNotFound', `Could not find ${name}`);
/** The words are not documented: only the name is. */
const taken = (name: string): Error =>
  awsError('ResourceInUse', `Resource being accessed is in use: ${name}`);

export function monitorsOf({ schedules, definitions }: Monitors) {
  const schedule = (name = '') => {
    const found = schedules.get(name);
    if (found === undefined) throw notFound(name);
    return found;
  };
  const none = () => ({ JobDefinitionSummaries: [] });
  return [
    on(CreateDataQualityJobDefinitionCommand, ({ JobDefinitionName: name = '', Tags = [] }) => {
      if (definitions.has(name)) throw taken(name);
      definitions.set(name, Tags);
      return {};
    }),
    on(DeleteDataQualityJobDefinitionCommand, ({ JobDefinitionName: name = '' }) => {
      if (!definitions.delete(name)) throw notFound(name);
      return {};
    }),
    on(ListDataQualityJobDefinitionsCommand, ({ NameContains = '' }) => ({
      JobDefinitionSummaries: [...definitions.keys()]
        .filter((name) => name.includes(NameContains))
        .map((name) => ({
          MonitoringJobDefinitionName: name,
          MonitoringJobDefinitionArn: `definition/${name}`,
          CreationTime: new Date(0),
          EndpointName: 'flights-live',
        })),
    })),
    on(ListModelQualityJobDefinitionsCommand, none),
    on(ListModelBiasJobDefinitionsCommand, none),
    on(ListModelExplainabilityJobDefinitionsCommand, none),
    on(CreateMonitoringScheduleCommand, (input) => {
      const name = input.MonitoringScheduleName ?? '';
      if (schedules.has(name)) throw taken(name);
      schedules.set(name, {
        status: 'Pending',
        config: input.MonitoringScheduleConfig ?? {},
        tags: input.Tags ?? [],
      });
      return {};
    }),
    on(UpdateMonitoringScheduleCommand, (input) => {
      const found = schedule(input.MonitoringScheduleName);
      found.status = 'Pending';
      found.config = input.MonitoringScheduleConfig ?? {};
      return {};
    }),
    on(DeleteMonitoringScheduleCommand, ({ MonitoringScheduleName: name = '' }) => {
      if (!schedules.delete(name)) throw notFound(name);
      return {};
    }),
    on(DescribeMonitoringScheduleCommand, ({ MonitoringScheduleName: name = '' }) => {
      const { status, config } = schedule(name);
      return {
        MonitoringScheduleArn: `schedule/${name}`,
        MonitoringScheduleStatus: status,
        MonitoringScheduleConfig: config,
      };
    }),
    on(ListMonitoringSchedulesCommand, () => ({
      MonitoringScheduleSummaries: [...schedules.keys()].map((name) => ({
        MonitoringScheduleName: name,
        MonitoringScheduleArn: `schedule/${name}`,
        CreationTime: new Date(0),
        LastModifiedTime: new Date(0),
        MonitoringScheduleStatus: 'Scheduled' as const,
      })),
    })),
  ];
}
