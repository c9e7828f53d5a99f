import type { Command } from 'commander'
import type { ApiClient } from '../api-client.ts'
import { type CliCommand, type CliContext, configOf } from '../context.ts'
import { table } from '../output.ts'
import { withServer } from '../with-server.ts'

interface ListedSource {
  key: string
  name: string
  kind: string
  enabled: boolean
  createdAt: string
}

interface ListedWriteKey {
  id: string
  key: string
  expiresAt?: string
}

/** `zhike sources`: where events come from, and the write keys that let them in. */
export const sources: CliCommand = (program, context) => {
  const group = program.command('sources').description('sources of events and their write keys')
  const through = <T>(command: Command, work: (api: ApiClient) => Promise<T>): Promise<T> =>
    withServer(configOf(command, context), context.start, work)

  group
    .command('list', { isDefault: true })
    .description('every source with its write keys')
    .option('--json', 'as JSON', false)
    .action(async (options: { json: boolean }, command) => {
      const listed = await through(command, withWriteKeys)
      context.out(
        options.json
          ? JSON.stringify(listed, null, 2)
          : table([['source', 'name', 'kind', 'since', 'write key', ''], ...listed.flatMap(rowsOf)]),
      )
    })

  group
    .command('add')
    .description('a new source with its write key')
    .argument('<key>', 'a small letter, then small letters, digits, _ and -: it stands in every event')
    .option('--name <name>', 'as people call it; without it, the key')
    .option('--kind <kind>', 'what sends: web, server, mobile, mini_program or other', 'other')
    .action(async (key: string, options: { name?: string; kind: string }, command) => {
      const made = await through(command, api =>
        api.call<{ writeKey: string }>('POST', '/api/sources', { key, name: options.name ?? key, kind: options.kind }),
      )
      context.out(made.writeKey)
    })

  group
    .command('rotate')
    .description('a new write key; the old ones are taken for a while')
    .argument('<key>', 'of the source')
    .option('--keep-old-for <seconds>', 'how long the old keys are taken', `${7 * 86_400}`)
    .action(async (key: string, options: { keepOldFor: string }, command) => {
      const query = new URLSearchParams({ keepOldForSeconds: options.keepOldFor })
      const made = await through(command, api =>
        api.call<{ writeKey: string }>('POST', `/api/sources/${encodeURIComponent(key)}/rotate?${query}`),
      )
      context.out(made.writeKey)
    })

  for (const [name, enabled] of [
    ['enable', true],
    ['disable', false],
  ] as const)
    group
      .command(name)
      .description(enabled ? 'events of the source are taken again' : 'events of the source are refused from now on')
      .argument('<key>', 'of the source')
      .action(async (key: string, _options: unknown, command) => {
        await through(command, api => api.call('PUT', `/api/sources/${encodeURIComponent(key)}`, { enabled }))
        told(context, key, enabled)
      })
}

async function withWriteKeys(api: ApiClient): Promise<(ListedSource & { writeKeys: ListedWriteKey[] })[]> {
  const { sources: listed } = await api.call<{ sources: ListedSource[] }>('GET', '/api/sources')
  return Promise.all(
    listed.map(async source => ({
      ...source,
      ...(await api.call<{ writeKeys: ListedWriteKey[] }>('GET', `/api/sources/${encodeURIComponent(source.key)}/write-keys`)),
    })),
  )
}

function rowsOf({ key, name, kind, enabled, createdAt, writeKeys }: ListedSource & { writeKeys: ListedWriteKey[] }): string[][] {
  const state = (expiresAt?: string) =>
    [enabled ? '' : 'disabled', expiresAt ? `until ${expiresAt.slice(0, 10)}` : ''].filter(Boolean).join(', ')
  const [first, ...rest] = writeKeys
  return [
    [key, name, kind, createdAt.slice(0, 10), first?.key ?? '(files only)', state(first?.expiresAt)],
    ...rest.map(one => ['', '', '', '', one.key, state(one.expiresAt)]),
  ]
}

function told(context: CliContext, key: string, enabled: boolean): void {
  context.notes(`${key} is ${enabled ? 'enabled' : 'disabled'}`)
}
