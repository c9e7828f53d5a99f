import { browserSdkAt, browserSdkKey } from '../browser-sdk.ts'
import type { Answer, Format, Head, IndexedRejection, Route, Site } from '../format.ts'
import type { Source } from '../sources.ts'
import { checkMessage } from '../spec/check.ts'
import { decodeMessage } from '../spec/decode.ts'
import { identifiersOf } from '../spec/identifiers.ts'
import { type Dialect, isObject, typeOf } from '../spec/message.ts'
import { carrying, itemsOf, standaloneOf, writeKeyOf } from '../spec/request.ts'
import { countSound } from '../spec/sound.ts'

/**
 * Segment's HTTP Tracking API, the short paths of its browser SDK, and the documents that this SDK loads.
 * https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/
 */
export const segment: Format = {
  name: 'segment',
  route: ({ method, path }) => (method === 'POST' ? posts.get(path) : method === 'GET' ? documentAt(path) : undefined),
  writeKey: (head, body) => documentKey(head.path) ?? writeKeyOf(head, body),
  countSound,
  items: itemsOf,
  check: (item, request) => checkMessage(item, request, dialect),
  decode: (item, request) => decodeMessage(item, request, dialect),
  partitionKey: (item, { form, body }) => firstIdentifier(item, form, body),
  carrying,
  standalone: standaloneOf,
  answers: { accepted, refused },
}

const dialect: Dialect = { timestampIsFinal: false }

/** Segment's limit for a batch. Its SDKs drop what is answered with 400. */
const maxBytes = 500 * 1024
const events = (form: string): Route => ({ kind: 'events', form, maxBytes, tooLarge: 400 })

const json = (status: number, body: unknown): Answer => ({ status, type: 'application/json', body: JSON.stringify(body) })
const success = json(200, { success: true })

const posts = new Map<string, Route>([
  ...['identify', 'track', 'page', 'screen', 'group', 'alias', 'batch'].flatMap((form): [string, Route][] => [
    [`/v1/${form}`, events(form)],
    [`/v1/${form.charAt(0)}`, events(form)],
  ]),
  ['/v1/import', events('import')],
  // The browser SDK's own measurements.
  ['/v1/m', { kind: 'asset', answer: () => success }],
])

const settingsPath = /^\/v1\/projects\/([^/]+)\/settings$/
const settings: Route = { kind: 'document', answer: settingsOf }

function documentAt(path: string): Route | undefined {
  return settingsPath.test(path) ? settings : browserSdkAt(path)
}

function documentKey(path: string): string | undefined {
  if (path.startsWith('/analytics.js/')) return browserSdkKey(path)
  const key = path.startsWith('/v1/projects/') ? settingsPath.exec(path)?.[1] : undefined
  return key === undefined ? undefined : decodeKey(key)
}

function decodeKey(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** What the browser SDK starts from: where to send, and that nothing is filtered. */
function settingsOf(_source: Source, head: Head, { protocol, host }: Site): Answer {
  const everything = { enabled: true, integrations: {} }
  return json(200, {
    integrations: {
      'Segment.io': {
        apiKey: documentKey(head.path),
        apiHost: `${host}/v1`,
        protocol,
        unbundledIntegrations: [],
        addBundledMetadata: true,
      },
    },
    plan: { track: { __default: everything }, identify: { __default: everything }, group: { __default: everything } },
    edgeFunction: {},
    metrics: { sampleRate: 0, host: `${host}/v1` },
    middlewareSettings: {},
    enabledMiddleware: {},
    remotePlugins: [],
  })
}

export function firstIdentifier(item: unknown, form: string, body: unknown): string {
  const type = isObject(item) ? typeOf(item, form) : undefined
  const [first] = type && isObject(item) ? identifiersOf(item, type, body) : []
  return first ? `${first.namespace}\0${first.value}` : ''
}

/** Its senders read the status only; what was not taken is told to the person who tries. */
const toldAtMost = 100

function accepted(rejected: readonly IndexedRejection[]): Answer {
  return rejected.length === 0
    ? success
    : json(200, { success: true, rejected: rejected.slice(0, toldAtMost), rejectedCount: rejected.length })
}

function refused(status: number, code: string, message: string): Answer {
  return json(status, { success: false, code, message })
}
