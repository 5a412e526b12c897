import type {
  ListResourcesResult,
  ReadResourceResult,
  ResourceTemplate,
} from '@modelcontextprotocol/sdk/types.js';
import {
  isCooeeError,
  LIMITS,
  sanitizeLine,
  sanitizeValue,
} from '../../../protocols/interface/index.ts';
import { leaderAddress } from '../../../protocols/ucxl/index.ts';
import type { DaemonClient } from '../tool.ts';
import { recordParts } from '../tools/records.ts';
import { authorName, partsText, untrustedMark } from '../untrusted.ts';
import { fromUri, RESOURCE_TEMPLATE, toUri } from './uri.ts';

type Listed = ListResourcesResult['resources'][number];

const KIND_TITLES = { dr: 'Decision record', pr: 'Pull request' } as const;

/** Every record: whatever has an address can be read by it, also what is not listed. */
export const RESOURCE_TEMPLATES: ResourceTemplate[] = [
  {
    uriTemplate: RESOURCE_TEMPLATE,
    name: 'record',
    title: 'Record by UCXL address',
    description:
      'Any record of the mesh. `address` is its UCXL address without `ucxl://`, percent-encoded; ' +
      'the address itself is taken in place of the URI, too.',
    mimeType: 'text/plain',
  },
];

/**
 * The resources that are offered for picking: the leader, and of agents, calls that are not settled
 * and submissions the first page. All others are read by their address. A list has no place for the
 * mark of what others wrote, so their titles and questions are not in it: the tools list those.
 */
export async function listResources(
  client: DaemonClient,
  signal: AbortSignal,
): Promise<ListResourcesResult> {
  const query = { limit: LIMITS.mcpListItemsDefault };
  const [agents, submissions, calls] = await Promise.all([
    client.call('listAgents', { query, signal }),
    client.call('listSubmissions', { query, signal }),
    client.call('listCalls', { query: { ...query, state: 'active' }, signal }),
  ]);
  const rows = [
    resource(
      leaderAddress(),
      'The leader',
      'Who leads the mesh, and what enrolments are sealed to',
    ),
    ...agents.agents.map(({ address, token, peer }) =>
      resource(address, `Agent ${token}`, `An agent of node ${peer}`),
    ),
    ...calls.calls.map(({ address, asker, state }) =>
      resource(address, `Call for a human, ${state}`, `Asked by ${authorName(asker)}`),
    ),
    // Nothing stands at its address before a submission is in the log.
    ...submissions.submissions
      .filter(({ index }) => index !== undefined)
      .map(({ address, kind, author }) =>
        resource(address, address, `${KIND_TITLES[kind]} by ${authorName(author)}`),
      ),
  ];
  // Several versions of a submission stand at one address.
  return { resources: [...new Map(rows.map((row) => [row.uri, row])).values()] };
}

function resource(address: string, title: string, description: string): Listed {
  return {
    uri: toUri(address),
    name: address,
    title: sanitizeLine(title),
    description: sanitizeLine(description),
    mimeType: 'text/plain',
  };
}

/**
 * Reads the record that a URI names, marked with its author.
 *
 * @throws CooeeError ERR_UCXL_*, ERR_API_NOT_FOUND, ERR_RECORDS_VERSION
 */
export async function readResource(
  client: DaemonClient,
  uri: string,
  signal: AbortSignal,
): Promise<ReadResourceResult> {
  const address = fromUri(uri);
  const record = sanitizeValue(await client.call('getRecord', { query: { address }, signal }));
  const parts = recordParts(record);
  const mark = untrustedMark(parts);
  const text = [...(mark === undefined ? [] : [mark.notice]), partsText(parts)].join('\n');
  return { contents: [{ uri, mimeType: 'text/plain', text }] };
}

/**
 * The canonical address of a record by its short form.
 *
 * @throws CooeeError as {@link readResource}
 */
export async function canonicalAddress(client: DaemonClient, address: string): Promise<string> {
  if (!address.startsWith('ucxl://agentid:') || address.includes('@')) return address;
  return (await client.call('getRecord', { query: { address } })).address;
}

/** True when a read failed because nothing stands there. */
export function isMissing(thrown: unknown): boolean {
  return isCooeeError(thrown, 'ERR_API_NOT_FOUND') || isCooeeError(thrown, 'ERR_RECORDS_VERSION');
}
