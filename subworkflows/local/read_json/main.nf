// A JSON file as a map or list; what tasks write is UTF-8, whatever the locale of this machine.
def readJson(json) {
    return new groovy.json.JsonSlurperClassic().parseText(json.getText('UTF-8'))
}
