mod answer;
mod client_secret;
mod private_key_jwt;
mod record;
mod request;
mod resource;
mod scope;
mod throttle;
