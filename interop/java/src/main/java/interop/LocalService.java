package interop;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.http.apache.ApacheHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.swf.SwfClient;

/** A service for the tests of this process, with its data in memory: `workflowsvc` must be on the path. */
public final class LocalService implements AutoCloseable {

  private static final Pattern ADDRESS = Pattern.compile("API +(http\\S+)");

  private final Process process;
  private final URI endpoint;

  public LocalService() throws IOException {
    process =
        new ProcessBuilder("workflowsvc", "serve", "--store", "memory", "--port", "0", "--console-port", "off")
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    BufferedReader banner = new BufferedReader(new InputStreamReader(process.getInputStream()));
    String line;
    while ((line = banner.readLine()) != null) {
      Matcher address = ADDRESS.matcher(line);
      if (address.find()) {
        endpoint = URI.create(address.group(1));
        return;
      }
    }
    throw new IOException("the service did not start");
  }

  /** A client that waits longer than a long poll is held. */
  public SwfClient client() {
    return SwfClient.builder()
        .endpointOverride(endpoint)
        .region(Region.US_EAST_1)
        .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("local", "local")))
        .httpClientBuilder(ApacheHttpClient.builder().socketTimeout(Duration.ofSeconds(75)))
        .build();
  }

  /** Time in the domain jumps to what is due next, whenever no decider and no worker has anything to do. */
  public void skip(String domain) throws IOException, InterruptedException {
    HttpRequest request =
        HttpRequest.newBuilder(endpoint)
            .header("Content-Type", "application/x-amz-json-1.0")
            .header("X-Amz-Target", "WorkflowSvc.SkipClock")
            .POST(HttpRequest.BodyPublishers.ofString("{\"domain\": \"" + domain + "\"}"))
            .build();
    HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
    if (answer.statusCode() != 200) {
      throw new IOException(answer.body());
    }
  }

  @Override
  public void close() {
    process.destroy();
  }
}
