job "" {
}
