package gateway

// NginxVersion is held against what the image really has.
const NginxVersion = nginxVersion
