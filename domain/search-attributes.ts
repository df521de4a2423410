/** Search attributes of both workflows; all are keywords. */
export const SEARCH_ATTRIBUTES = {
  model: 'ModelkeeperModel',
  stage: 'ModelkeeperStage',
  awaiting: 'ModelkeeperAwaiting',
  verdict: 'ModelkeeperVerdict',
} as const;
