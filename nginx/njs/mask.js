// The query of a request with the values of secret parameters replaced, for the access
// log. $log_mask has their names, in lower case and separated by blanks (LOG_MASK).
function args(r) {
    const secret = r.variables.log_mask.split(' ');
    return r.variables.args.split('&').map(function (part) {
        const i = part.indexOf('=');
        if (i < 0) {
            return part;
        }
        const name = part.substring(0, i);
        return secret.includes(plain(name)) ? name + '=***' : part;
    }).join('&');
}

// plain is a name as applications read it: user[password] is a password, too.
function plain(name) {
    let text = name;
    try {
        text = decodeURIComponent(name.replace(/\+/g, ' '));
    } catch (e) {
        // Not valid UTF-8 after decoding: compared as it is written.
    }
    const inner = /\[([^\[\]]+)\]$/.exec(text);
    return (inner ? inner[1] : text).trim().toLowerCase();
}

export default { args };
