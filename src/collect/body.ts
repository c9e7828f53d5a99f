/** What a request's bytes say, read the same way before the log and after it. */
export interface Parsed {
  value: unknown
  /** The text has `\u` escapes (see `weigh`). */
  escaped: boolean
}

/**
 * JSON whatever the content type says, with or without a byte order mark; else a form, as some senders make it.
 * Undefined where it is neither.
 */
export function parseBody(bytes: Buffer): Parsed | undefined {
  const text = textOf(bytes)
  try {
    return { value: JSON.parse(text), escaped: text.includes('\\u') }
  } catch {
    const form = parseForm(text)
    return form && { value: form, escaped: true }
  }
}

function textOf(bytes: Buffer): string {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.toString('utf8', 3) : bytes.toString('utf8')
}

/** The fields of the messages that are objects or lists: in a form they are JSON inside a field. */
const structured = ['batch', 'properties', 'traits', 'context', 'integrations']

function parseForm(text: string): Record<string, unknown> | undefined {
  if (!/^\s*[\w.%+-]+=/.test(text)) return undefined
  const fields = new URLSearchParams(text.trim())
  try {
    const data = fields.get('data')
    if (data !== null) return JSON.parse(data)
    return Object.fromEntries([...fields].map(([key, value]) => [key, structured.includes(key) ? JSON.parse(value) : value]))
  } catch {
    return undefined
  }
}
