// Goal: /openapi.json is a valid OpenAPI 3.1 document and says what the table of routes says.
import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it } from 'vitest';
import { buildOpenApi } from '../../../../daemon/api/openapi.ts';
import { ROUTE_NAMES, ROUTES, type Route } from '../../../../daemon/api/routes/index.ts';
import { startBench } from './fixture.ts';

type Operation = {
  operationId: string;
  parameters: { name?: string; in?: string; schema?: unknown; required?: boolean }[];
  requestBody?: { required: boolean };
  responses: Record<string, unknown>;
};
type Paths = Record<string, Record<string, Operation>>;

const PATHS = buildOpenApi()['paths'] as Paths;
const operationOf = (name: keyof typeof ROUTES): Operation => {
  const route = ROUTES[name];
  const operation = PATHS[route.path]?.[route.method.toLowerCase()];
  if (operation === undefined) throw new Error(`${name} is missing`);
  return operation;
};

describe('OpenAPI document', () => {
  it('is valid by a public validator of 3.1', async () => {
    const validator = new Validator();
    const result = await validator.validate(structuredClone(buildOpenApi()));
    expect(result.errors ?? []).toEqual([]);
    expect(result.valid).toBe(true);
    expect(validator.version).toBe('3.1');
  });

  it('is not valid when a part of it is broken (the validator looks)', async () => {
    const broken = structuredClone(buildOpenApi());
    (broken['info'] as Record<string, unknown>)['title'] = 7;
    expect((await new Validator().validate(broken)).valid).toBe(false);
  });

  it('has one operation a route, with its parameters', () => {
    for (const name of ROUTE_NAMES) expect(operationOf(name).operationId).toBe(name);
    const list = operationOf('listAgents');
    expect(list.parameters).toContainEqual({
      name: 'limit',
      in: 'query',
      required: false,
      schema: { type: 'integer', minimum: 1, maximum: 1000, default: 100 },
    });
    expect(operationOf('getAgent').parameters[0]).toMatchObject({ name: 'ref', required: true });
    expect(operationOf('createInvite').requestBody?.required).toBe(false);
    expect(operationOf('enrolAgents').requestBody?.required).toBe(true);
    expect(Object.keys(operationOf('enrolAgents').responses)).toEqual(['200', '202', 'default']);
  });

  it('points only at what is there', () => {
    const document = buildOpenApi();
    const refs = JSON.stringify(document).match(/#\/components\/[\w/]+/g) ?? [];
    expect(refs.length).toBeGreaterThan(10);
    for (const ref of new Set(refs)) {
      let at: unknown = document;
      for (const step of ref.split('/').slice(1)) at = (at as Record<string, unknown>)[step];
      expect(at, ref).toBeDefined();
    }
  });

  it('refuses unknown fields of bodies, allows more in answers', () => {
    const text = JSON.stringify(buildOpenApi());
    const schemas = (buildOpenApi()['components'] as { schemas: Record<string, object> }).schemas;
    expect(schemas['Enrolment']).toMatchObject({ additionalProperties: false });
    expect(schemas['Agent']).not.toHaveProperty('additionalProperties');
    expect(text).not.toContain('$defs');
  });

  it('says which operations need the ticket of who acts', () => {
    const document = buildOpenApi();
    expect(document['components']).toMatchObject({
      securitySchemes: { ticket: { type: 'http', scheme: 'bearer' } },
    });
    const paths = document['paths'] as Record<string, Record<string, { security?: unknown }>>;
    for (const route of Object.values(ROUTES) as Route[]) {
      const { security } = paths[route.path]?.[route.method.toLowerCase()] ?? {};
      expect([route.path, security]).toEqual([
        route.path,
        route.acts ? [{ ticket: [] }, {}] : undefined,
      ]);
    }
  });

  it('is served on the socket', async () => {
    const { client } = await startBench({ rights: 'agent' });
    expect(await client.call('getOpenApi')).toEqual(buildOpenApi());
  });
});
