import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROUTE_NAMES, ROUTES, type Route } from '../../daemon/api/routes/index.ts';
import { type TestHost, TestMesh, until } from './harness.ts';
import { ask, RawStream } from './raw-http.ts';

// Goal: the sockets of a real daemon hold what docs/api.md says of them: rights, document,
// idempotency, events. Method: one daemon, plain HTTP on both sockets.

let mesh: TestMesh;
let host: TestHost;
let operator: string;
let agent: string;

beforeAll(async () => {
  mesh = new TestMesh();
  [host] = (await mesh.start('control')) as [TestHost];
  operator = join(host.home, 'cooee.sock');
  agent = join(host.home, 'agent.sock');
});
afterAll(async () => {
  await mesh.close();
});

const codeOf = (text: string): string =>
  (JSON.parse(text) as { error: { code: string } }).error.code;

/** A path with something in place of its parameters. */
const pathOf = ({ path }: Route): string => path.replaceAll(/\{\w+\}/g, 'something');

describe('the home', () => {
  it('is open to its owner only, with every file in it', () => {
    const modeOf = (path: string): string => (lstatSync(path).mode & 0o777).toString(8);
    expect(modeOf(host.home)).toBe('700');
    for (const socket of [operator, agent]) {
      expect([socket, modeOf(socket)]).toEqual([socket, '600']);
      expect(lstatSync(socket).isSocket()).toBe(true);
    }
    const files = readdirSync(host.home, { withFileTypes: true }).filter((it) => it.isFile());
    expect(files.length).toBeGreaterThan(3);
    // A file that is being written has another name, and may be gone by now.
    const open = files.filter(({ name }) => {
      const found = lstatSync(join(host.home, name), { throwIfNoEntry: false });
      return found !== undefined && (found.mode & 0o777) !== 0o600;
    });
    expect(open.map(({ name }) => name)).toEqual([]);
  });
});

describe('the agent socket', () => {
  const operatorOnly = ROUTE_NAMES.filter((name) => (ROUTES[name] as Route).rights === 'operator');
  const forBoth = ROUTE_NAMES.filter((name) => (ROUTES[name] as Route).rights === 'agent');

  it('cannot invite, join, leave, remove, change roles, enrol, retire, rebind or stop', () => {
    expect(operatorOnly).toEqual(
      expect.arrayContaining([
        'createInvite',
        'joinMesh',
        'leaveMesh',
        'setMemberRole',
        'removeMember',
        'enrolAgents',
        'retireAgent',
        'rebindAgent',
        'stopDaemon',
      ]),
    );
  });

  it.each(operatorOnly)('refuses %s, whatever is sent with it', async (name) => {
    const route: Route = ROUTES[name];
    const peer = await host.peer();
    const bodies = ['{}', '{"role":"admin"}', JSON.stringify({ peer }), '{"model":"m"}', 'rubbish'];
    for (const body of route.method === 'GET' ? [undefined] : [undefined, ...bodies]) {
      const init = { method: route.method, path: pathOf(route) };
      const { status, text } = await ask(agent, body === undefined ? init : { ...init, body });
      expect([status, codeOf(text)]).toEqual([403, 'ERR_API_FORBIDDEN']);
    }
    // By other spellings of the same path as well: none is a way in.
    for (const path of [`/${pathOf(route)}`, `${pathOf(route)}/`, `${pathOf(route)}?x=1`]) {
      const { status } = await ask(agent, { method: route.method, path });
      expect([path, [403, 404].includes(status)]).toEqual([path, true]);
    }
    expect((await host.client.call('getStatus', {})).slurp.commitIndex).toBe(3);
  });

  it('may read, and announces for who has the ticket', async () => {
    expect(forBoth).toEqual(
      expect.arrayContaining(['getStatus', 'listAgents', 'getAgent', 'announceAgent']),
    );
    for (const path of ['/v1/status', '/v1/agents', '/v1/members', '/v1/leader', '/v1/doctor']) {
      expect([path, (await ask(agent, { path })).status]).toEqual([path, 200]);
    }
    const announce = {
      method: 'PUT',
      path: '/v1/agents/458RV/status',
      body: '{"status":"busy"}',
    };
    const announced = await ask(agent, announce);
    expect([announced.status, codeOf(announced.text)]).toEqual([401, 'ERR_SESSIONS_NEEDED']);
    // The operator needs none; but nobody has that token.
    expect(codeOf((await ask(operator, announce)).text)).toBe('ERR_API_NOT_FOUND');
  });
});

describe('the OpenAPI document of the running daemon', () => {
  it('is valid by a public validator of 3.1, and has every route', async () => {
    const { status, text } = await ask(agent, { path: '/openapi.json' });
    expect(status).toBe(200);
    const document = JSON.parse(text) as {
      openapi: string;
      paths: Record<string, Record<string, { operationId: string }>>;
    };
    const validator = new Validator();
    const { valid, errors } = await validator.validate(structuredClone(document));
    expect([errors ?? [], valid, validator.version]).toEqual([[], true, '3.1']);
    const operations = Object.values(document.paths).flatMap((path) =>
      Object.values(path).map(({ operationId }) => operationId),
    );
    expect(operations.sort()).toEqual([...ROUTE_NAMES].sort());
  });
});

describe('an idempotency key', () => {
  const invite = (key: string, body: unknown) =>
    ask(operator, {
      method: 'POST',
      path: '/v1/invites',
      headers: { 'idempotency-key': key },
      body: JSON.stringify(body),
    });

  it('gives the first answer again, also to twenty at once, and does the thing once', async () => {
    const indexOf = async () => (await host.client.call('getStatus', {})).slurp.commitIndex;
    const before = await indexOf();
    const answers = await Promise.all(Array.from({ length: 20 }, () => invite('one', { uses: 2 })));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers[0]?.status).toBe(200);
    expect((await invite('one', { uses: 2 })).text).toBe(answers[0]?.text);
    expect(await indexOf()).toBe(before + 1);
    expect((await invite('two', { uses: 2 })).text).not.toBe(answers[0]?.text);
  });

  it('is refused for another request', async () => {
    await invite('three', { uses: 1 });
    const { status, text } = await invite('three', { uses: 2 });
    expect([status, codeOf(text)]).toEqual([409, 'ERR_API_IDEMPOTENCY_MISMATCH']);
  });
});

describe('events', () => {
  const PATH = '/v1/events?match=agent%3A*';

  const enrol = async (model: string): Promise<string> => {
    const { token } = await host.client.call('enrolAgents', {
      query: { wait: 'committed', timeoutMs: 60_000 },
      body: { model },
    });
    if (token === undefined) throw new Error('not granted');
    return token;
  };

  const tokensOf = (stream: RawStream): readonly unknown[] =>
    stream.events
      .filter(({ data }) => data['type'] === 'agent:grant')
      .map(({ data }) => (data['data'] as Record<string, unknown>)['token']);

  it('resume by Last-Event-ID without a hole or a double, also on the agent socket', async () => {
    const first = new RawStream(operator, PATH);
    await until('the stream is open', () => first.lastId !== '');
    const one = await enrol('resume-1');
    await until('the first is told', () => tokensOf(first).length === 1);
    first.close();
    const [two, three] = [await enrol('resume-2'), await enrol('resume-3')];
    const second = new RawStream(agent, PATH, { 'last-event-id': first.lastId });
    await until('what was missed is told', () => tokensOf(second).length === 2);
    const four = await enrol('resume-4');
    await until('what is new is told', () => tokensOf(second).length === 3);
    second.close();
    expect([...tokensOf(first), ...tokensOf(second)]).toEqual([one, two, three, four]);
    expect(second.types).not.toContain('gap');
    const ids = [...first.events, ...second.events].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    // An announcement is no entry of the log, and may come in between.
    const granted = second.events.filter(({ data }) => data['type'] === 'agent:grant');
    for (const { data } of granted) expect(data['index']).toBeGreaterThan(0);
  });

  it('say so when an id is not known: a gap, then what there is', async () => {
    for (const id of ['999-1', 'rubbish', '1-999999999']) {
      const stream = new RawStream(operator, PATH, { 'last-event-id': id });
      await until(`a gap for ${id}`, () => stream.types[0] === 'gap');
      expect(stream.events[0]?.data).toEqual({ reason: 'restart' });
      stream.close();
    }
  });

  it('go on over a restart: by index, or with an explicit gap', async () => {
    const before = new RawStream(operator, PATH);
    await until('the stream is open', () => before.lastId !== '');
    await enrol('restart-1');
    await until('it is told', () => tokensOf(before).length === 1);
    before.close();
    const last = before.events.find(({ data }) => data['type'] === 'agent:grant');
    const index = Number(last?.data['index']);
    expect(await host.end()).toBe(0);
    await host.up();
    const two = await enrol('restart-2');
    const headers = { 'last-event-id': before.lastId };
    const byId = new RawStream(operator, PATH, headers);
    const byIndex = new RawStream(operator, `${PATH}&sinceIndex=${index}`, headers);
    await until('both have the new one', () =>
      [byId, byIndex].every((stream) => tokensOf(stream).includes(two)),
    );
    byId.close();
    byIndex.close();
    // An id of another start says nothing here; an index does.
    expect(byId.events[0]).toMatchObject({ event: 'gap', data: { reason: 'restart' } });
    expect(byIndex.types).not.toContain('gap');
    expect(tokensOf(byIndex)).toEqual([two]);
    // What was committed before this start is not held any more: said, not skipped.
    const older = new RawStream(operator, `${PATH}&sinceIndex=1`);
    await until('the hole is told', () => older.types[0] === 'gap');
    older.close();
  });

  it('are bounded: more watchers than places are refused with a type', async () => {
    const streams = Array.from({ length: 64 }, () => new RawStream(operator, PATH));
    await until('all are open', () => streams.every(({ lastId }) => lastId !== ''));
    const { status, text } = await ask(operator, { path: PATH });
    expect([status, codeOf(text)]).toEqual([503, 'ERR_API_BUSY']);
    for (const stream of streams) stream.close();
    await until('a place is free again', async () => {
      const stream = new RawStream(operator, PATH);
      await new Promise((wake) => setTimeout(wake, 50));
      stream.close();
      return stream.lastId !== '';
    });
  });
});
