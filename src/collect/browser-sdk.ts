import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { Answer, Head, Route } from './format.ts'

const loader = /^\/analytics\.js\/v1\/([^/]+)\/analytics(?:\.min)?\.js$/
const bundle = /^\/analytics-next\/bundles\/([\w.-]+\.js)$/

/**
 * Segment's browser SDK (`@segment/analytics-next`), unmodified, where its package is installed: so a page needs nothing from outside.
 * The page loads `/analytics.js/v1/WRITE_KEY/analytics.min.js`, which finds key and server in its own address.
 */
export function browserSdkAt(path: string): Route | undefined {
  if (loader.test(path)) return loaderRoute
  const name = bundle.exec(path)?.[1]
  return name === undefined ? undefined : { kind: 'asset', answer: head => bundleOf(name, head) }
}

/** The write key of the address, where the loader is asked for. */
export function browserSdkKey(path: string): string | undefined {
  return loader.exec(path)?.[1]
}

const loaderRoute: Route = { kind: 'document', answer: (_source, head) => served(loaderScript(), head, 'public, max-age=300') }

interface Script {
  plain: Buffer
  gzip: Buffer
}

const script = (plain: Buffer): Script => ({ plain, gzip: gzipSync(plain) })

/** Elsewhere the SDK recognises its server by an address that begins with https; a laptop’s does not. */
const prelude = `!function(s){if(s){var w=window,k=s.dataset.globalSegmentAnalyticsKey||"analytics",a=w[k]=w[k]||[];a._cdn=a._cdn||s.src.split("/analytics.js/v1/")[0]}}(document.currentScript);\n`

let files: Map<string, Script> | undefined
let whole: Script | undefined

function loaderScript(): Script | undefined {
  const folder = umdFolder()
  if (folder !== undefined) whole ??= script(Buffer.concat([Buffer.from(prelude), readFileSync(join(folder, 'standalone.js'))]))
  return whole
}

/** Only what stands in the package's folder has an address. */
function bundleOf(name: string, head: Head): Answer {
  const folder = umdFolder()
  files ??= new Map()
  if (folder !== undefined && !files.has(name) && readdirSync(folder).includes(name))
    files.set(name, script(readFileSync(join(folder, name))))
  return served(files.get(name), head, 'public, max-age=31536000, immutable')
}

function umdFolder(): string | undefined {
  try {
    return join(dirname(fileURLToPath(import.meta.resolve('@segment/analytics-next/package.json'))), 'dist/umd')
  } catch {
    return undefined
  }
}

function served(found: Script | undefined, head: Head, cacheControl: string): Answer {
  if (!found) return { status: 404, type: 'text/plain', body: 'The browser SDK is not installed here: npm install @segment/analytics-next' }
  const headers = { 'Cache-Control': cacheControl, Vary: 'Accept-Encoding' }
  if (!String(head.headers['accept-encoding']).includes('gzip')) return { status: 200, type: 'text/javascript', body: found.plain, headers }
  return { status: 200, type: 'text/javascript', body: found.gzip, headers: { ...headers, 'Content-Encoding': 'gzip' } }
}
