import type { IncomingHttpHeaders } from 'node:http'
import type { Answer, Format, Head, IndexedRejection, Route } from '../format.ts'
import type { Source } from '../sources.ts'
import { checkMessage } from '../spec/check.ts'
import { decodeMessage } from '../spec/decode.ts'
import type { Dialect } from '../spec/message.ts'
import { carrying, itemsOf, standaloneOf, writeKeyOf } from '../spec/request.ts'
import { countSound } from '../spec/sound.ts'
import { firstIdentifier } from './segment.ts'

/**
 * RudderStack's data plane and the control plane document that its SDKs load. The paths of its events are Segment's; a request is
 * taken for its own by the headers that only its SDKs send. What is not recognised is read as Segment's, which differs in limits only.
 * https://www.rudderstack.com/docs/api/http-api/
 */
export const rudder: Format = {
  name: 'rudder',
  route: ({ method, path, headers }) => {
    if (method !== 'POST') return documents.get(`${method} ${path}`)
    return path === '/beacon/v1/batch' ? beacon : isRudder(headers) ? shared.get(path) : undefined
  },
  writeKey: writeKeyOf,
  countSound,
  items: itemsOf,
  check: (item, request) => checkMessage(item, request, dialect),
  decode: (item, request) => decodeMessage(item, request, dialect),
  partitionKey: (item, { form, body }) => firstIdentifier(item, form, body),
  carrying,
  standalone: standaloneOf,
  answers: { accepted, refused },
}

const dialect: Dialect = { timestampIsFinal: true }

/** Its documented limit for a batch. */
const maxBytes = 4 * 1024 * 1024
const events = (form: string): Route => ({ kind: 'events', form, maxBytes, tooLarge: 413 })

const text = (status: number, body: string): Answer => ({ status, type: 'text/plain; charset=utf-8', body })
const json = (status: number, body: unknown): Answer => ({ status, type: 'application/json', body: JSON.stringify(body) })
const ok = text(200, 'ok')

const shared = new Map<string, Route>(
  ['identify', 'track', 'page', 'screen', 'group', 'alias', 'batch', 'import'].map((form): [string, Route] => [
    `/v1/${form}`,
    events(form),
  ]),
)

const beacon = events('batch')
const config: Route = { kind: 'document', answer: configOf }
/** What its browser SDK asks to find out whether something blocks it. */
const probe: Route = { kind: 'asset', answer: () => text(204, '') }

const documents = new Map<string, Route>([
  ['GET /sourceConfig', config],
  ['GET /sourceConfig/', config],
  ['HEAD /sourceConfig', probe],
  ['HEAD /sourceConfig/', probe],
])

/** Browser and mobile SDKs send headers of their own; the Node SDK compresses, and then names a type that its JSON is not. */
function isRudder(headers: IncomingHttpHeaders): boolean {
  if (headers.anonymousid !== undefined || headers.sentat !== undefined) return true
  return headers['content-encoding'] === 'gzip' && headers['content-type'] === 'application/x-www-form-urlencoded'
}

/** What its SDKs start from: an enabled source without destinations of their own. */
function configOf(source: Source, head: Head): Answer {
  const updatedAt = new Date(source.createdAt).toISOString()
  return json(200, {
    source: {
      id: source.key,
      name: source.name,
      writeKey: writeKeyOf(head, undefined),
      enabled: true,
      config: {},
      workspaceId: 'zhike',
      dataplanes: {},
      destinations: [],
      updatedAt,
    },
    updatedAt,
  })
}

/** The gateway's answer is the text `ok`; what was not taken is told to the person who tries. */
function accepted(rejected: readonly IndexedRejection[]): Answer {
  return rejected.length === 0 ? ok : json(200, { rejected: rejected.slice(0, 100), rejectedCount: rejected.length })
}

function refused(status: number, code: string, message: string): Answer {
  return status === 401 ? json(status, { code, message }) : text(status, message)
}
