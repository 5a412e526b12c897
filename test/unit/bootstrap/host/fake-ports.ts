import { readFileSync } from 'node:fs';
import type { GraphicsController, HostPorts } from '../../../../bootstrap/host/index.ts';
import { recordLogger } from '../../storage/record-logger.ts';

const FIXTURES = new URL('../fixtures/', import.meta.url);

export function fixture(name: string): string {
  return readFileSync(new URL(name, FIXTURES), 'utf8');
}

export function filesOf(name: string): Record<string, string> {
  return JSON.parse(fixture(name)) as Record<string, string>;
}

export function controllersOf(name: string): GraphicsController[] {
  return JSON.parse(fixture(name)) as GraphicsController[];
}

/** A host by what its programs print, its files say and its URLs answer. */
export interface FakeHost extends Partial<Omit<HostPorts, 'logger' | 'graphics'>> {
  readonly commands?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly urls?: Readonly<Record<string, string>>;
  readonly graphics?: readonly GraphicsController[];
}

export function fakePorts(host: FakeHost = {}) {
  const { commands = {}, files = {}, urls = {}, graphics = [], ...ports } = host;
  const calls: string[] = [];
  const logger = recordLogger();
  return {
    calls,
    logger,
    platform: 'linux',
    env: {},
    run: async (command: string, args: readonly string[]) => {
      calls.push([command, ...args].join(' '));
      const output = commands[command];
      return output === undefined
        ? ({ ok: false, failure: 'missing' } as const)
        : ({ ok: true, output } as const);
    },
    fetch: async (url: string) => {
      calls.push(url);
      const body = urls[url];
      return body === undefined
        ? ({ ok: false, failure: 'unreachable' } as const)
        : ({ ok: true, body } as const);
    },
    readText: async (path: string) => files[path],
    listFolder: async (path: string) => {
      const inside = Object.keys(files).filter((file) => file.startsWith(`${path}/`));
      return [...new Set(inside.map((file) => file.slice(path.length + 1).split('/')[0]!))].sort();
    },
    graphics: async () => {
      calls.push('systeminformation');
      return graphics;
    },
    interfaces: () => [],
    hostname: () => 'Box',
    cpuModel: () => 'AMD EPYC',
    ...ports,
  };
}
