import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NODE_NAMES } from '../../../testnet/engine/cluster.ts';

const read = (name: string): string =>
  readFileSync(resolve(import.meta.dirname, '../../../..', name), 'utf8');

const dockerfile = read('Dockerfile');
const compose = read('docker-compose.yml');

/** The lines of one stage of the Dockerfile, FROM included. */
function stage(name: RegExp): string {
  const found = dockerfile.split(/^(?=FROM )/m).find((text) => name.test(text));
  if (found === undefined) throw new Error(`no stage ${name}`);
  return found;
}

describe('Dockerfile', () => {
  it('takes its base as an argument, of a named version', () => {
    expect(dockerfile).toMatch(/^ARG BASE_IMAGE=node:24-bookworm-slim$/m);
    const bases = [...dockerfile.matchAll(/^FROM \$?\{?(\w+)/gm)].map(([, base]) => base);
    expect(bases).toEqual(['BASE_IMAGE', 'runtime', 'BASE_IMAGE', 'runtime']);
    expect(dockerfile).not.toContain('latest');
  });

  it('asks nothing of the builder that the classic one does not have', () => {
    expect(dockerfile).not.toMatch(/^# ?syntax=|<<|--mount=|--chmod|@sha256/m);
  });

  it('needs no network above and in the stage for builders without one', () => {
    const above = dockerfile.slice(0, dockerfile.indexOf('AS build'));
    expect(above).toMatch(/AS prebuilt/);
    expect(above).not.toMatch(/npm|apt|curl/);
  });

  it('runs as a user without rights, with its home on a volume, and tells how it is', () => {
    const runtime = stage(/AS runtime/);
    expect(runtime).toMatch(/^USER node$/m);
    expect(runtime).toMatch(/^VOLUME \/var\/lib\/cooee$/m);
    expect(runtime).toMatch(/^HEALTHCHECK .*\n +CMD \["cooee", "status"\]$/m);
    // No shell around the daemon, which would keep the signals.
    expect(runtime).toMatch(/^ENTRYPOINT \["cooee"\]$/m);
    expect(dockerfile).not.toMatch(/^USER (root|0)/m);
  });

  it('copies what its ignore file lets through', () => {
    const allowed = [...read('.dockerignore').matchAll(/^!(\S+)$/gm)].map(([, name]) => name);
    const sources = [...stage(/AS build/).matchAll(/^COPY (.+) \S+$/gm)].flatMap(([, names]) =>
      (names ?? '').split(' '),
    );
    expect(sources.length).toBeGreaterThan(2);
    for (const source of sources) expect(allowed).toContain(source.split('/')[0]);
  });
});

describe('docker-compose.yml', () => {
  it('has nothing that one of the two Compose does not know', () => {
    expect(compose).not.toMatch(/^(version|name|include):|start_interval|target: \d|published:/m);
    expect(compose).not.toContain('\t');
  });

  it('has five nodes, each with its own home and a port on loopback alone', () => {
    for (const [index, name] of NODE_NAMES.entries()) {
      const service = compose.split(/^(?= {2}n\d:$)/m).find((it) => it.startsWith(`  ${name}:`));
      expect(service).toContain('<<: *node');
      expect(service).toContain(`hostname: ${name}`);
      expect(service).toMatch(
        new RegExp(
          `ports: \\["127\\.0\\.0\\.1:\\$\\{N${index + 1}_PORT-${17_001 + index}\\}:26633"\\]`,
        ),
      );
      expect(service).toContain(`volumes: ["${name}:/var/lib/cooee", "invite:/invite"]`);
    }
    expect(compose.match(/MESH_ROLE: founder/g)).toHaveLength(1);
    expect(compose).toContain('MESH_VOTERS: 5');
  });

  it('limits memory and cores, and V8 below the limit of the container', () => {
    const limit = Number(/mem_limit: (\d+)m/.exec(compose)?.[1]);
    const heap = Number(/--max-old-space-size=(\d+)/.exec(dockerfile)?.[1]);
    expect(heap).toBeLessThan(limit * 0.75);
    expect(compose).toMatch(/^ {2}cpus: \d/m);
    expect(compose).toMatch(/^ {2}restart: unless-stopped$/m);
    expect(compose).toMatch(/^ {2}stop_grace_period: 10s$/m);
  });
});
