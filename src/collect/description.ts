/** The front door's paths for the API's description: they are served in front of it, by hand, as close to the bare server as can be. */

const message = { type: 'object', additionalProperties: true, description: 'A message of Segment’s specification' }

const answers = {
  200: {
    description: 'On disk. Items that were not taken are listed in `rejected`, and kept',
    content: {
      'application/json': {
        schema: {
          type: 'object',
          properties: {
            success: { type: 'boolean' },
            rejected: {
              type: 'array',
              items: {
                type: 'object',
                properties: { index: { type: 'integer' }, code: { type: 'string' }, path: { type: 'string' }, message: { type: 'string' } },
              },
            },
          },
        },
      },
    },
  },
  400: { description: 'Nothing in the request could be taken' },
  401: { description: 'The write key is unknown' },
  413: { description: 'The request is too large' },
  429: { description: 'Overloaded: come back after `Retry-After` seconds' },
  503: { description: 'The disk of the log is full, or the server is stopping: come back later' },
}

const post = (summary: string, schema: object) => ({
  post: {
    tags: ['collect'],
    summary,
    security: [{ writeKey: [] }],
    requestBody: { required: true, content: { 'application/json': { schema } } },
    responses: answers,
  },
})

const batch = {
  type: 'object',
  required: ['batch'],
  properties: { batch: { type: 'array', items: message }, sentAt: { type: 'string', format: 'date-time' } },
}

export const collectPaths = {
  '/v1/identify': post('Who somebody is, and their traits', message),
  '/v1/track': post('What somebody did', message),
  '/v1/page': post('A page somebody saw', message),
  '/v1/screen': post('A screen of an app somebody saw', message),
  '/v1/group': post('A group somebody belongs to', message),
  '/v1/alias': post('Two identifiers are one person', message),
  '/v1/batch': post('Several messages at once', batch),
  '/v1/import': post('Several messages of the past: they become part of the portrait and trigger nothing', batch),
}
