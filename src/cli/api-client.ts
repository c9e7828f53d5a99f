import type { Problem } from '../problem.ts'
import { Refusal } from '../refusal.ts'

/** The API of a running server, as its commands use it. */
export interface ApiClient {
  readonly url: string
  /** The parsed answer. @throws Refusal with the server's own code and sentence */
  call<T>(method: string, path: string, body?: unknown): Promise<T>
  /** The answer as it comes: uploads, downloads, streams. @throws Refusal likewise */
  send(method: string, path: string, init?: RequestInit & { duplex?: 'half' }): Promise<Response>
}

export function apiClient(url: string, apiKey: string): ApiClient {
  const send: ApiClient['send'] = async (method, path, init = {}) => {
    const headers = new Headers(init.headers)
    headers.set('authorization', `Bearer ${apiKey}`)
    const response = await fetch(new URL(path, url), { ...init, method, headers }).catch(() => {
      throw new Refusal(503, 'unreachable', `the server at ${url} does not answer; is it still running?`)
    })
    if (!response.ok) throw await refusalOf(response)
    return response
  }
  return {
    url,
    send,
    async call<T>(method: string, path: string, body?: unknown) {
      const init = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
      const response = await send(method, path, init)
      return (response.status === 204 ? undefined : await response.json()) as T
    },
  }
}

async function refusalOf(response: Response): Promise<Refusal> {
  const problem = (await response.json().catch(() => ({}))) as Partial<Problem>
  return new Refusal(
    response.status,
    problem.code ?? `http-${response.status}`,
    problem.detail ?? `the server answered ${response.status}`,
    problem.details ?? [],
  )
}
