import { z } from 'zod';
import { LIMITS } from '../../protocols/interface/index.ts';
import { canonicalOrNone } from './canonical.ts';
import { parseJson } from './parse-json.ts';
import type { HostConfig, HostModel, HostPorts } from './types.ts';

const OLLAMA_DEFAULT = 'http://127.0.0.1:11434';
const OLLAMA_PORT = '11434';
const TAGS_PATH = '/api/tags';

/** Ollama's docs/api.md, "List Local Models"; only the name is used. */
const tagsSchema = z.object({ models: z.array(z.unknown()) });
const tagSchema = z.object({ name: z.string() });

/**
 * The models on this host: those of the configuration and those that Ollama lists, without doubles,
 * sorted, at most 256. No Ollama is no fault; one that answers nonsense is logged and counts as
 * none.
 */
export async function detectModels(
  ports: HostPorts,
  config: HostConfig,
): Promise<readonly HostModel[]> {
  const found = new Map<string, HostModel>();
  let unusable = 0;
  const add = (raw: string, source: HostModel['source']): void => {
    const name = canonicalOrNone('model', raw);
    if (name === undefined) unusable += 1;
    else if (!found.has(name)) found.set(name, { name, source });
  };
  for (const name of config.models ?? []) add(name, 'config');
  for (const name of await ollamaModels(ports, config)) add(name, 'ollama');
  if (unusable > 0) ports.logger.warn({ unusable }, 'left out models with an unusable name');
  const models = [...found.values()].slice(0, LIMITS.agentsPerHostMax);
  return models.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function ollamaModels(ports: HostPorts, config: HostConfig): Promise<readonly string[]> {
  if (config.ollama === false) return [];
  const address = config.ollama ?? ports.env['OLLAMA_HOST'] ?? OLLAMA_DEFAULT;
  const base = ollamaUrl(address);
  if (base === undefined) {
    ports.logger.warn({}, 'the address of Ollama is not usable; it is not asked');
    return [];
  }
  const result = await ports.fetch(`${base}${TAGS_PATH}`);
  if (result.ok) return parseTags(result.body, ports);
  const { failure } = result;
  if (failure === 'unreachable' || failure === 'slow') {
    ports.logger.debug({ base, failure }, 'no Ollama');
  } else {
    ports.logger.warn({ base, failure }, 'Ollama gave no usable answer');
  }
  return [];
}

function parseTags(body: string, ports: HostPorts): readonly string[] {
  const tags = tagsSchema.safeParse(parseJson(body));
  if (!tags.success) {
    ports.logger.warn({}, 'the answer of Ollama is not a list of models');
    return [];
  }
  const names: string[] = [];
  // Ollama lists the latest first: with too many, those in use are kept.
  for (const entry of tags.data.models.slice(0, LIMITS.agentsPerHostMax)) {
    const tag = tagSchema.safeParse(entry);
    if (tag.success) names.push(tag.data.name);
  }
  return names;
}

/**
 * The base URL of an `OLLAMA_HOST` in any form that Ollama takes (`host`, `:port`, `host:port`, a
 * URL), or undefined. The address is one to listen on, so "all addresses" becomes the loopback one.
 */
export function ollamaUrl(address: string): string | undefined {
  const text = address.trim();
  if (text === '') return OLLAMA_DEFAULT;
  const hasScheme = /^https?:\/\//i.test(text);
  if (!hasScheme && text.includes('://')) return undefined;
  const withHost = text.startsWith(':') ? `127.0.0.1${text}` : text;
  const url = parseUrl(hasScheme ? text : `http://${withHost}`);
  if (url === undefined || url.username !== '' || url.password !== '') return undefined;
  if (url.hostname === '0.0.0.0') url.hostname = '127.0.0.1';
  if (url.hostname === '[::]') url.hostname = '[::1]';
  if (!hasScheme && url.port === '' && !/:80(?:\/|$)/.test(text)) url.port = OLLAMA_PORT;
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}
