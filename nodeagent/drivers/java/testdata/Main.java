/** Says what it was given and where it is, and ends with the code in its first argument. */
public class Main {
    public static void main(String[] args) throws Exception {
        System.out.println(String.join(" ", args));
        System.out.println(System.getProperty("user.name") + " " + System.getProperty("test.option"));
        System.exit(Integer.parseInt(args[0]));
    }
}
