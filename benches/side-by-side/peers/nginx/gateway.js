// The subject of a JSON Web Token that is signed by HS256 and good; empty for any other.
import crypto from 'crypto';
import fs from 'fs';

const secret = fs.readFileSync(process.env.HS_SECRET_FILE);
const issuer = process.env.JWT_ISS;
const scheme = 'Bearer ';

function decoded(part) {
  return JSON.parse(Buffer.from(part, 'base64url'));
}

// Compares all characters, whichever differs first.
function equal(a, b) {
  if (a.length !== b.length) {
    return false;
  }
  let difference = 0;
  for (let i = 0; i < a.length; i++) {
    difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  }
  return difference === 0;
}

function subject(request) {
  const authorization = request.headersIn.Authorization;
  if (!authorization || !authorization.startsWith(scheme)) {
    return '';
  }
  const parts = authorization.slice(scheme.length).split('.');
  if (parts.length !== 3) {
    return '';
  }
  try {
    if (decoded(parts[0]).alg !== 'HS256') {
      return '';
    }
    const hmac = crypto.createHmac('sha256', secret).update(parts[0] + '.' + parts[1]);
    if (!equal(hmac.digest('base64url'), parts[2])) {
      return '';
    }
    const claims = decoded(parts[1]);
    return claims.iss === issuer && claims.exp > Date.now() / 1000 ? claims.sub : '';
  } catch (e) {
    return '';
  }
}

export default { subject };
