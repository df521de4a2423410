/** The long-running parts; bin/ loads each one only when it is asked for. Paths are relative to bin/. */
export const PROCESSES = {
  worker: { description: 'run workflows and activities', path: '../worker/main.js' },
  bridge: {
    description: 'pass AWS events on to the workflows as hints',
    path: '../client/bridge/main.js',
  },
  console: { description: 'serve the approval console', path: '../client/console/main.js' },
  sandbox: { description: 'run a local AWS to try things out', path: '../sandbox/main.js' },
  story: {
    description: 'run everything on this machine and tell the flights story',
    path: '../sandbox/story/main.js',
  },
} as const;

export type ProcessName = keyof typeof PROCESSES;

export function isProcess(name: string | undefined): name is ProcessName {
  return name !== undefined && Object.hasOwn(PROCESSES, name);
}
