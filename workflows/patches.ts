/**
 * Everything that workflows do since version 0.2 and earlier histories do not hold. One name for all of it: each name
 * costs a run two events, and a history is either older than that version or not.
 */
export const SINCE_0_2 = 'since-0.2';
