// What the access log shows of a request where the configuration alone cannot say it.

// The query, question mark and all, with the values of secret parameters replaced.
// $log_mask has their names, in lower case and separated by blanks (LOG_MASK).
function query(r) {
    const secret = r.variables.log_mask.split(' ');
    // Some applications part parameters by semicolons; what follows a # is none of theirs;
    // a second question mark may begin an address within.
    return text(r.variables.query, 8000).split(/([?&;#])/).map(function (part) {
        const i = part.indexOf('=');
        if (i < 0) {
            return part;
        }
        const name = part.substring(0, i);
        return secret.includes(plain(name)) ? name + '=***' : part;
    }).join('');
}

// plain is a name as applications read it: user[password] is a password, too, and so is
// user[password][].
function plain(name) {
    let text = name;
    try {
        text = decodeURIComponent(name.replace(/\+/g, ' '));
    } catch (e) {
        // Not valid UTF-8 after decoding: compared as it is written.
    }
    text = text.replace(/(?:\[\d*\])+$/, '');
    const inner = /[\[.]([^\[\].]+)\]?$/.exec(text);
    return (inner ? inner[1] : text).trim().toLowerCase();
}

// Text of a client, not longer than anybody wants to read. njs has made it valid UTF-8: each
// wrong byte is U+FFFD.
function text(raw, limit) {
    if (raw === undefined) {
        return '';
    }
    return raw.length > limit ? raw.substring(0, limit) + '…' : raw;
}

function host(r) { return text(r.variables.host, 300); }
function path(r) { return text(r.variables.full_log_path, 2000); }
function referer(r) { return text(r.variables.http_referer, 4000).split(/[?#]/)[0].substring(0, 500); }
function userAgent(r) { return text(r.variables.http_user_agent, 500); }

export default { host, path, query, referer, userAgent };
