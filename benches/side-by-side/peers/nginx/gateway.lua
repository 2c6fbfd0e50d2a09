-- JSON Web Tokens and a limit as Kong and APISIX do them: LuaJIT with OpenSSL by FFI, cjson, and counters in a shared
-- dictionary. Keys are parsed once for the worker; nothing about a token is kept.
local ffi = require "ffi"
local cjson = require "cjson.safe"
local base64 = require "ngx.base64"

ffi.cdef [[
typedef struct evp_md_st EVP_MD;
typedef struct evp_pkey_st EVP_PKEY;
typedef struct evp_md_ctx_st EVP_MD_CTX;
typedef struct evp_pkey_ctx_st EVP_PKEY_CTX;
typedef struct bio_st BIO;
typedef struct engine_st ENGINE;
const EVP_MD *EVP_sha256(void);
unsigned char *HMAC(const EVP_MD *md, const void *key, int key_len, const unsigned char *data, size_t len,
                    unsigned char *out, unsigned int *out_len);
int CRYPTO_memcmp(const void *a, const void *b, size_t len);
BIO *BIO_new_mem_buf(const void *buf, int len);
int BIO_free(BIO *bio);
EVP_PKEY *PEM_read_bio_PUBKEY(BIO *bio, EVP_PKEY **key, void *callback, void *user);
EVP_MD_CTX *EVP_MD_CTX_new(void);
int EVP_MD_CTX_reset(EVP_MD_CTX *ctx);
int EVP_DigestVerifyInit(EVP_MD_CTX *ctx, EVP_PKEY_CTX **pctx, const EVP_MD *md, ENGINE *engine, EVP_PKEY *key);
int EVP_DigestVerify(EVP_MD_CTX *ctx, const unsigned char *sig, size_t sig_len, const unsigned char *data, size_t len);
]]
local crypto = ffi.load("libcrypto.so.3")

local SHA256 = crypto.EVP_sha256()
local PERIOD_S = 60

local gateway = {}
local secret, public_key, issuer, most
local context = crypto.EVP_MD_CTX_new()
local digest, digest_len = ffi.new("unsigned char[64]"), ffi.new("unsigned int[1]")
local counters = ngx.shared.limit

local function content(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

function gateway.init(options)
  secret, issuer, most = content(options.secret), options.issuer, options.limit
  local pem = content(options.public_key)
  local bio = crypto.BIO_new_mem_buf(pem, #pem)
  public_key = crypto.PEM_read_bio_PUBKEY(bio, nil, nil, nil)
  crypto.BIO_free(bio)
  assert(public_key ~= nil, "the public key cannot be read")
end

local function is_signed(algorithm, message, signature)
  if algorithm == "HS256" then
    crypto.HMAC(SHA256, secret, #secret, message, #message, digest, digest_len)
    return #signature == digest_len[0] and crypto.CRYPTO_memcmp(signature, digest, #signature) == 0
  end
  crypto.EVP_MD_CTX_reset(context)
  return crypto.EVP_DigestVerifyInit(context, nil, SHA256, nil, public_key) == 1
    and crypto.EVP_DigestVerify(context, signature, #signature, message, #message) == 1
end

-- The claims of a good token, nil for anything else.
local function claims_of(authorization, algorithm)
  if not authorization or authorization:sub(1, 7) ~= "Bearer " then return nil end
  local first = authorization:find(".", 8, true)
  local second = first and authorization:find(".", first + 1, true)
  if not second then return nil end

  local header = cjson.decode(base64.decode_base64url(authorization:sub(8, first - 1)) or "")
  if not header or header.alg ~= algorithm then return nil end
  local signature = base64.decode_base64url(authorization:sub(second + 1))
  if not signature or not is_signed(algorithm, authorization:sub(8, second - 1), signature) then return nil end

  local claims = cjson.decode(base64.decode_base64url(authorization:sub(first + 1, second - 1)) or "")
  if not claims or claims.iss ~= issuer then return nil end
  if type(claims.exp) ~= "number" or claims.exp <= ngx.time() then return nil end
  return claims
end

function gateway.authenticate(algorithm)
  local claims = claims_of(ngx.var.http_authorization, algorithm)
  if not claims then return ngx.exit(401) end
  ngx.req.set_header("x-sub", claims.sub)
  return claims
end

-- A fixed window for each key.
function gateway.limit(key)
  local window = math.floor(ngx.time() / PERIOD_S)
  local count = counters:incr((key or "-") .. ":" .. window, 1, 0, 2 * PERIOD_S)
  if not count or count > most then return ngx.exit(429) end
end

return gateway
