/**
 * The MCP server `cooee mcp`: the bus of COOEE for clients of the Model Context Protocol, over
 * stdio, by the agent socket. What it offers: docs/mcp.md. A further tool is an entry in tools/.
 *
 * @packageDocumentation
 */
export { type McpInit, runMcp } from './run.ts';
