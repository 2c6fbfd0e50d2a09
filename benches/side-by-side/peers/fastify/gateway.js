'use strict'
// A gateway in JavaScript: fastify with its proxy and its limit, and fast-jwt. usage: node gateway.js <policy> <port>

const fs = require('fs')
const fastify = require('fastify')
const { createVerifier } = require('fast-jwt')

const [policy, port] = [process.argv[2], Number(process.argv[3])]
const { ORIGIN, HS_SECRET_FILE, RS_PUB_PEM, JWT_ISS, TLS_CERT, TLS_KEY, LIMIT, ACCESS_LOG } = process.env

const authenticates = 'cdf'.includes(policy)
const limits = 'ef'.includes(policy)
const editsHeaders = 'bf'.includes(policy)
const logs = policy === 'f'
const encrypts = policy === 'g'

const IDLE_MS = 300_000
const FLUSH_MS = 1000
const BUFFER_CHARS = 65_000

function deny (reply, status) {
  reply.code(status).send('denied\n')
}

function authentication () {
  const rs256 = policy === 'd'
  const verify = createVerifier({
    key: fs.readFileSync(rs256 ? RS_PUB_PEM : HS_SECRET_FILE),
    algorithms: [rs256 ? 'RS256' : 'HS256'],
    allowedIss: JWT_ISS,
    cache: false
  })
  return (request, reply, done) => {
    const { authorization } = request.headers
    if (!authorization?.startsWith('Bearer ')) return deny(reply, 401)
    try {
      request.claims = verify(authorization.slice(7))
    } catch {
      return deny(reply, 401)
    }
    done()
  }
}

function limit () {
  const quiet = { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false }
  return {
    max: Number(LIMIT),
    timeWindow: 60_000,
    cache: 10_000,
    keyGenerator: request => request.claims?.sub ?? request.headers['x-api-key'] ?? '-',
    addHeaders: quiet,
    addHeadersOnExceeding: quiet
  }
}

function accessLog () {
  const file = fs.createWriteStream(ACCESS_LOG, { flags: 'a' })
  let lines = ''
  const flush = () => {
    file.write(lines)
    lines = ''
  }
  setInterval(flush, FLUSH_MS).unref()
  process.on('SIGTERM', () => { flush(); file.end(() => process.exit(0)) })
  return (request, reply, done) => {
    const bytes = reply.getHeader('content-length') ?? 0
    const agent = request.headers['user-agent'] ?? '-'
    lines += `${request.ip} ${Date.now()} "${request.method} ${request.url}" ${reply.statusCode} ${bytes} ` +
      `${reply.elapsedTime.toFixed(3)}ms "${agent}" ${request.claims?.sub ?? '-'}\n`
    if (lines.length > BUFFER_CHARS) flush()
    done()
  }
}

async function main () {
  const tls = { https: { key: encrypts && fs.readFileSync(TLS_KEY), cert: encrypts && fs.readFileSync(TLS_CERT), allowHTTP1: true }, http2: true }
  const app = fastify({ logger: false, disableRequestLogging: true, keepAliveTimeout: IDLE_MS, ...(encrypts ? tls : {}) })
  if (authenticates) app.addHook('onRequest', authentication())
  if (limits) await app.register(require('@fastify/rate-limit'), limit())
  if (logs) app.addHook('onResponse', accessLog())
  await app.register(require('@fastify/http-proxy'), {
    upstream: `http://${ORIGIN}`,
    undici: { connections: 1024, pipelining: 1, keepAliveTimeout: IDLE_MS },
    replyOptions: {
      rewriteRequestHeaders: (request, headers) => {
        if (editsHeaders) headers['x-gw'] = 'bench'
        if (request.claims) headers['x-sub'] = request.claims.sub
        return headers
      },
      rewriteHeaders: headers => {
        if (editsHeaders) headers['x-gw'] = 'bench'
        return headers
      }
    }
  })
  await app.listen({ port, host: '127.0.0.1', backlog: 4096 })
}

main()
